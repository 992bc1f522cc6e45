"""Turn rows into examples, and count what a dataset's manifest reports."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from insource.formats.strict_json import as_object
from insource.foundation import canonical
from insource.foundation.value_names import told_apart
from insource.similarity.normal_text import normalised
from insource.store.looks import INPUT_BYTES
from insource.types import SPLITS, CloudCall, Example, LoggedAnswer, Row, Split

SHOWN = 8


def example_of(row: Row, target: str) -> Example:
    """Return the row as an example with this target."""
    content: dict[str, Any] = {
        "input": row.input,
        "attributes": row.attributes,
        "contract": row.contract,
        "target": target,
    }
    # Only where there are some: the digests of rows without them stay what they were.
    content |= {"acceptable": row.acceptable} if row.acceptable else {}
    content |= {"facts": row.facts} if row.facts else {}
    content |= {"reasoning": row.reasoning} if row.reasoning else {}
    return Example(
        row_id=row.row_id,
        digest=canonical.digest(content),
        input=row.input,
        target=target,
        attributes=row.attributes,
        contract=row.contract,
        group=row.group,
        time=row.time,
        cloud_outputs=dict(sorted(row.cloud_outputs.items())),
        cloud_latency_s=dict(sorted(row.cloud_latency_s.items())),
        acceptable=row.acceptable,
        facts=row.facts,
        reasoning=row.reasoning,
        cloud_calls=_calls_of(row),
        cloud_failures=dict(sorted(row.cloud_failures.items())),
        provenance=row.provenance,
    )


def _calls_of(row: Row) -> dict[str, CloudCall]:
    """Return how the clouds were asked; a row's own ``prompt`` is what those without a record were sent."""
    named = CloudCall(prompt=row.prompt)
    unsaid = dict.fromkeys(row.cloud_outputs, named) if row.prompt else {}
    return dict(sorted((unsaid | row.cloud_calls).items()))


class Tally:
    """Counts over the examples of a dataset, for its manifest."""

    def __init__(self, logged: Mapping[str, Mapping[str, LoggedAnswer]], *, classes: bool = False) -> None:
        self.logged = logged
        self._classes = classes
        self._by_label: dict[str, Counter[Split]] = {}
        self.counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)
        self._groups: dict[Split, set[str]] = {split: set() for split in SPLITS}
        self._labels: Counter[str] = Counter()
        self._synthetic: Counter[str] = Counter()
        self._cloud: Counter[str] = Counter()
        self._asked, self._targets = array("Q"), array("Q")
        self._test: list[bytes] = []
        self._agreement = self._answered = self._unasked = self._timed = 0

    def add(self, split: Split, row: Row, example: Example) -> None:
        """Count one example and the row it comes from."""
        self.counts[split] += 1
        if example.group is not None:
            self._groups[split].add(example.group)
        self._labels[example.provenance.label] += 1
        self._synthetic.update(filter(None, (example.provenance.synthetic,)))
        self._cloud.update(example.cloud_outputs.keys() | example.cloud_failures.keys())
        self._asked.append(_key([normalised(row.input), row.attributes]))
        self._targets.append(_key(example.target))
        self._agreement += split == "test" and example.provenance.label == "teacher"
        if split == "test":
            self._test.append(bytes.fromhex(example.digest))
        if self._classes:
            self._by_label.setdefault(example.target, Counter())[split] += 1
        self._answered += row.row_id in self.logged
        self._unasked += bool(row.attributes and set(as_object(row.output) or ()) - set(row.attributes))
        self._timed += bool(set(row.cloud_latency_s) - set(row.cloud_outputs) - set(row.cloud_failures))

    def manifest(self) -> dict[str, Any]:
        """Return the fields of the manifest that these counts are."""
        return {
            "counts": self.counts,
            "groups": {split: len(groups) for split, groups in self._groups.items()},
            "labels": dict(sorted(self._labels.items())),
            "cloud_rows": dict(sorted(self._cloud.items())),
            "groups_in_train": tuple(sorted(self._groups["train"])),
            "template_overlap": len(self._groups["train"] & self._groups["test"]),
            "cloud_models": tuple(sorted(self._cloud)),
            "label_counts": self.label_counts(),
            "test_digest": test_digest(self._test),
        }

    def label_counts(self) -> dict[str, dict[Split, int]]:
        """Return the examples of each label by split; empty when answers are not labels."""
        return {label: dict(self._by_label[label]) for label in sorted(self._by_label)}

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know and no other count says."""
        made = ", ".join(f"{count} by {method}" for method, count in sorted(self._synthetic.items()))
        counted = (
            (self._synthetic.total(), f"rows are synthetic, in training only: {made}"),
            (
                self._agreement,
                "test targets are a teacher's answers: what is measured on them is agreement, not accuracy",
            ),
            (self._contradicted(), "inputs have more than one target"),
            (self._unasked, "targets hold fields that their rows do not ask for"),
            (self._timed, "rows time a model whose answer they do not hold"),
            (len(self.logged) - self._answered, "logged answers belong to no row of the dataset"),
        )
        return tuple(f"{count} {words}." for count, words in counted if count) + self._absent()

    def _contradicted(self) -> int:
        pairs = np.unique(np.array([self._asked, self._targets], np.uint64), axis=1)
        return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())

    def _absent(self) -> tuple[str, ...]:
        """Labels that a split has none of, by split."""
        notes = []
        for split in SPLITS:
            absent = [label for label, by in sorted(self._by_label.items()) if not by[split]]
            if absent and self.counts[split]:
                more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
                notes.append(f"Labels absent from {split}: {', '.join(told_apart(absent[:SHOWN]))}{more}.")
        return tuple(notes)


def test_digest(digests: Iterable[bytes]) -> str:
    """Return the identity of a test split: the sha256 over the sorted content digests of its examples.

    Row ids and the order of rows are no part of it.
    """
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def sealed(examples: Iterable[Example]) -> tuple[str, bytes]:
    """Return what looks at a test split are counted under: its digest, and ``INPUT_BYTES`` for each document.

    A document is its text, form, case and spaces aside: another label or id makes it no other one.
    """
    digests, inputs = [], set()
    for example in examples:
        digests.append(bytes.fromhex(example.digest))
        inputs.add(blake2b(normalised(example.input).encode(), digest_size=INPUT_BYTES).digest())
    return test_digest(digests), b"".join(sorted(inputs))


def _key(value: Any) -> int:
    return int.from_bytes(blake2b(canonical.dumps(value).encode(), digest_size=8).digest())
