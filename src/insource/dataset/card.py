"""The data card: what a reader has to know before trusting numbers from this dataset."""

from __future__ import annotations

from collections import Counter

from insource import canonical
from insource.types import SPLITS, Dataset, JsonSchema, Labels, OutputSpec, Split

_PURPOSE = {
    "train": "the model learns from it",
    "validation": "chooses the checkpoint",
    "calibration": "sets the threshold of the cascade",
    "test": "sealed: every evaluation on it is counted",
}


def data_card(dataset: Dataset) -> str:
    """The dataset's README in Markdown: identity, funnel, splits, labels, cloud answers, notes."""
    manifest = dataset.manifest
    dropped = [f"- dropped, `{reason}`: {count}" for reason, count in manifest.dropped.items()]
    splits = [
        f"| {split} | {manifest.counts[split]} | {_groups(dataset, split)} | {_PURPOSE[split]} |"
        for split in SPLITS
    ]
    sections = [
        f"# {manifest.name}",
        f"Dataset `{canonical.short(manifest.digest)}` from `{manifest.source}`.",
        _contract(manifest.output),
        "## Rows",
        "\n".join([f"- read: {manifest.read}", *dropped, f"- kept: {sum(manifest.counts.values())}"]),
        "## Splits",
        "\n".join(["| split | rows | groups | what for |", "|---|---:|---:|---|", *splits]),
        f"{manifest.split_reason} Groups in both train and test: {manifest.template_overlap}.",
        "## Labels",
        f"Who vouches for the targets: {_label_sources(dataset)}.",
        "## Cloud answers",
        _cloud(dataset),
    ]
    if manifest.notes:
        sections += ["## Notes", "\n".join(f"- {note}" for note in manifest.notes)]
    return "\n\n".join(sections) + "\n"


def _groups(dataset: Dataset, split: Split) -> int:
    return len({example.group for example in dataset.splits[split]} - {None})


def _contract(output: OutputSpec) -> str:
    if isinstance(output, JsonSchema):
        fields = len(output.definition.get("properties", {}))
        return f"Answers are JSON documents with {fields} fields; the schema is {_origin(output.inferred)}."
    if isinstance(output, Labels):
        return f"Answers are one of {len(output.names)} labels, {_origin(output.inferred)}."
    return "Answers are free text."


def _origin(inferred: bool) -> str:
    return "inferred from the rows" if inferred else "given"


def _label_sources(dataset: Dataset) -> str:
    words = {"checked": "checked by people, as the file claims", "teacher": "a teacher model"}
    counts = Counter(example.provenance.label for rows in dataset.splits.values() for example in rows)
    return "; ".join(f"{words[label]} ({count} rows)" for label, count in sorted(counts.items()))


def _cloud(dataset: Dataset) -> str:
    manifest = dataset.manifest
    if not manifest.cloud_models:
        return "None: the cloud arm is not measured."
    counts = Counter(
        model for rows in dataset.splits.values() for example in rows for model in example.cloud_outputs
    )
    simulated = {model: " (simulated)" for model in manifest.simulated_models}
    return "\n".join(
        f"- `{model}`{simulated.get(model, '')}: {counts[model]} rows" for model in manifest.cloud_models
    )
