"""A row that fits becomes an example, and what the examples of a dataset come to is counted on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from insource import canonical
from insource.dataset.normal import normalised
from insource.dataset.records import as_object
from insource.types import SPLITS, Example, LoggedAnswer, Row, Split


def example_of(row: Row, target: str, logged: Mapping[str, LoggedAnswer]) -> Example:
    """The example; ``logged`` answers join the row's own."""
    content = {"input": row.input, "attributes": row.attributes, "contract": row.contract, "target": target}
    texts = {model: answer.text for model, answer in logged.items()}
    latency_s = {model: answer.latency_s for model, answer in logged.items() if answer.latency_s is not None}
    return Example(
        row_id=row.row_id,
        digest=canonical.digest(content),
        input=row.input,
        target=target,
        attributes=row.attributes,
        contract=row.contract,
        group=row.group,
        time=row.time,
        cloud_outputs=dict(sorted({**row.cloud_outputs, **texts}.items())),
        cloud_latency_s=dict(sorted({**row.cloud_latency_s, **latency_s}.items())),
        provenance=row.provenance,
    )


class Tally:
    """Counts over the examples of a dataset, for its manifest."""

    def __init__(self, logged: Mapping[str, Mapping[str, LoggedAnswer]]) -> None:
        self.logged = logged
        self.counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)
        self._groups: dict[Split, set[str]] = {split: set() for split in SPLITS}
        self._labels: Counter[str] = Counter()
        self._cloud: Counter[str] = Counter()
        self._targets: dict[bytes, bytes] = {}
        self._contradicted: set[bytes] = set()
        self._agreement = self._answered = self._unasked = self._timed = 0

    def add(self, split: Split, row: Row, example: Example) -> None:
        """Count one example and the row it comes from."""
        self.counts[split] += 1
        if example.group is not None:
            self._groups[split].add(example.group)
        self._labels[example.provenance.label] += 1
        self._cloud.update(example.cloud_outputs.keys())
        asked = _key([normalised(row.input), row.attributes])
        if self._targets.setdefault(asked, _key(example.target)) != _key(example.target):
            self._contradicted.add(asked)
        self._agreement += split == "test" and example.provenance.label == "teacher"
        self._answered += row.row_id in self.logged
        self._unasked += bool(row.attributes and set(as_object(row.output) or ()) - set(row.attributes))
        self._timed += bool(set(row.cloud_latency_s) - set(row.cloud_outputs))

    def manifest(self) -> dict[str, Any]:
        """The fields of the manifest that these counts are."""
        return {
            "counts": self.counts,
            "groups": {split: len(groups) for split, groups in self._groups.items()},
            "labels": dict(sorted(self._labels.items())),
            "cloud_rows": dict(sorted(self._cloud.items())),
            "groups_in_train": tuple(sorted(self._groups["train"])),
            "template_overlap": len(self._groups["train"] & self._groups["test"]),
            "cloud_models": tuple(sorted(self._cloud)),
        }

    def notes(self) -> tuple[str, ...]:
        """What a reader should know and no other count says."""
        counted = (
            (
                self._agreement,
                "test targets are a teacher's answers: what is measured on them is agreement, not accuracy",
            ),
            (len(self._contradicted), "inputs have more than one target"),
            (self._unasked, "targets hold fields that their rows do not ask for"),
            (self._timed, "rows time a model whose answer they do not hold"),
            (len(self.logged) - self._answered, "logged answers belong to no row of the dataset"),
        )
        return tuple(f"{count} {words}." for count, words in counted if count)


def _key(value: Any) -> bytes:
    return blake2b(canonical.dumps(value).encode(), digest_size=16).digest()
