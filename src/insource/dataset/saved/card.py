"""Write the data card: what a reader needs to know before trusting numbers from this dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping

from insource.contract.places import place_of
from insource.dataset.checks.report import code, text
from insource.dataset.saved.sufficiency import sentence
from insource.foundation import canonical
from insource.types import SPLITS, DatasetManifest, JsonSchema, Labels, OutputSpec, Split

_PURPOSE = {
    "train": "the model learns from it",
    "validation": "chooses the checkpoint",
    "calibration": "sets the threshold of the cascade",
    "test": "sealed: every evaluation on it is counted",
}

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)


def data_card(manifest: DatasetManifest) -> str:
    """Return the dataset's README in Markdown: identity, funnel, splits, labels, cloud answers, notes."""
    dropped = [f"- dropped, `{reason}`: {count}" for reason, count in manifest.dropped.items()]
    splits = [
        f"| {split} | {manifest.counts[split]} | {manifest.groups.get(split, 0)} | {_PURPOSE[split]} |"
        for split in SPLITS
    ]
    sections = [
        f"# {text(manifest.name)}",
        f"Dataset `{canonical.short(manifest.digest)}` from {code(manifest.source)}.",
        _contract(manifest.output),
        "## Rows",
        "\n".join([f"- read: {manifest.read}", *dropped, f"- kept: {sum(manifest.counts.values())}"]),
        *([_funnel(manifest)] if manifest.funnel else []),
        "## Splits",
        "\n".join(["| split | rows | groups | what for |", "|---|---:|---:|---|", *splits]),
        f"{manifest.split_reason} Groups in both train and test: {manifest.template_overlap}.",
        f"Looks at the test split, `{canonical.short(manifest.test_digest)}`, are counted for each document; "
        "`insource dataset build` prints how many there were.",
        *_leakage(manifest),
        "## Labels",
        f"Who vouches for the targets: {_label_sources(manifest)}.",
        "## Cloud answers",
        _cloud(manifest),
    ]
    if manifest.notes:
        sections += ["## Notes", "\n".join(f"- {text(note)}" for note in manifest.notes)]
    return "\n\n".join(sections) + "\n"


def front_matter(manifest: DatasetManifest, written: Mapping[Split, int], columns: Mapping[str, str]) -> str:
    """Return the card's YAML for Hugging Face: the file of each split, and the types of ``columns``.

    Without types, a column that is null in a whole split would get another type there.

    Source: the Hub's dataset card metadata, ``configs``, ``dataset_info`` and ``size_categories``.
    """
    total = sum(written.values())
    size = next((name for limit, name in _SIZES if total < limit), "10M<n<100M")
    files = "\n".join(f"  - split: {split}\n    path: {split}.jsonl" for split in written)
    features = "".join(f"\n  - name: {name}\n    dtype: {dtype}" for name, dtype in columns.items())
    info = f"dataset_info:\n  features:{features}\n" if columns else ""
    return (
        f"---\npretty_name: {json.dumps(manifest.name)}\nsize_categories:\n- {size}\n"
        f"configs:\n- config_name: default\n  data_files:\n{files}\n{info}---"
    )


def _funnel(manifest: DatasetManifest) -> str:
    """Return a line a step; the rows that leave one step enter the next."""
    steps = [
        f"| {step.step} | {step.rows_in:,} | {step.dropped:,} | {step.changed:,} | {step.rows_out:,} |"
        for step in manifest.funnel
    ]
    return "\n".join(["| step | in | dropped | changed | out |", "|---|---:|---:|---:|---:|", *steps])


def _leakage(manifest: DatasetManifest) -> list[str]:
    """Return what splits share or shared, and what they are too small for."""
    overlaps = [f"- {text(overlap.summary)}." for overlap in manifest.overlaps]
    short = [f"- {text(sentence(shortfall))}" for shortfall in manifest.shortfalls]
    found = ["### Between the splits", "\n".join(overlaps)] if overlaps else []
    return found + (["### Too small for", "\n".join(short)] if short else [])


def _contract(output: OutputSpec) -> str:
    if isinstance(output, JsonSchema):
        fields = len(place_of(output.definition).properties)
        return f"Answers are JSON documents with {fields} fields; the schema is {_origin(output.inferred)}."
    if isinstance(output, Labels):
        return f"Answers are one of {len(output.names)} labels, {_origin(output.inferred)}."
    return "Answers are free text."


def _origin(inferred: bool) -> str:
    return "inferred from the rows" if inferred else "given"


def _label_sources(manifest: DatasetManifest) -> str:
    words = {"checked": "checked by people, as the source claims", "teacher": "a teacher model"}
    return "; ".join(f"{words[label]} ({count} rows)" for label, count in sorted(manifest.labels.items()))


def _cloud(manifest: DatasetManifest) -> str:
    if not manifest.cloud_models:
        return "None: the cloud arm is not measured."
    simulated = {model: " (simulated)" for model in manifest.simulated_models}
    return "\n".join(
        f"- {code(model)}{simulated.get(model, '')}: {manifest.cloud_rows.get(model, 0)} rows"
        for model in manifest.cloud_models
    )
