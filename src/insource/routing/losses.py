"""What a bound counts: the documents, fields or values of the calibration split that are wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from insource.contract.places import Place, valid_place
from insource.stats.learn_then_test import ltt_ratio_threshold, ltt_threshold
from insource.types import EvalRecord, JsonSchema, Labels, OutputSpec
from insource.types.routing import Loss

WRONG = frozenset({"wrong", "missed", "invented"})


class Judged(NamedTuple):
    """The calibration documents that may be served, one value each.

    ``wrong`` of the ``counted`` documents, fields or values are wrong; none can hold more than ``most``.
    """

    loss: Loss
    confidence: np.ndarray
    wrong: np.ndarray
    counted: np.ndarray
    most: int

    @property
    def error_rate(self) -> float | None:
        """The share that is wrong where everything is served; None when nothing is counted."""
        total = int(self.counted.sum())
        return int(self.wrong.sum()) / total if total else None

    def threshold(self, max_error: float, delta: float) -> float | None:
        """Return the lowest threshold that keeps the bound, by the test that suits the loss."""
        if self.loss == "documents":
            return ltt_threshold(self.confidence, self.wrong == 0, max_error, delta)
        return ltt_ratio_threshold(self.confidence, self.wrong, self.counted, self.most, max_error, delta)


def judged(
    loss: Loss,
    confidence: Iterable[float | None],
    wrong: Iterable[int],
    counted: Iterable[int],
    most: int,
) -> Judged:
    """Return the documents with a confidence; the others are never served locally.

    Raises:
        ValueError: the lengths differ.
    """
    rows = list(zip(confidence, wrong, counted, strict=True))
    kept = [row for row in rows if row[0] is not None]
    return Judged(
        loss,
        np.array([sure for sure, _, _ in kept], dtype=float),
        np.array([lost for _, lost, _ in kept], dtype=int),
        np.array([of for _, _, of in kept], dtype=int),
        most,
    )


def judged_records(loss: Loss, records: Sequence[EvalRecord], most: int) -> Judged:
    """Return what the loss counts in the records of the calibration split.

    For fields and values, an answer outside the contract is left out: it is never served. An abstained field
    is not counted as a field.
    """
    found = [_count(loss, record) for record in records]
    return judged(
        loss,
        (one.confidence if count else None for one, count in zip(records, found, strict=True)),
        (count[0] if count else 0 for count in found),
        (count[1] if count else 0 for count in found),
        most,
    )


def _count(loss: Loss, record: EvalRecord) -> tuple[int, int] | None:
    score = record.score
    if loss == "documents":
        return int(score is None or not score.exact), 1
    if score is None or not score.schema_valid:
        return None
    if loss == "fields":
        answered = [slot for slot in score.slots if slot.bucket != "abstained"]
        return sum(slot.bucket in WRONG for slot in answered), len(answered)
    return score.invented, sum(slot.bucket in ("correct", "wrong", "invented") for slot in score.slots)


def most_of(output: OutputSpec, loss: Loss) -> int | None:
    """Return the most that a document can hold of what the loss counts, by the contract alone.

    None when the contract sets no limit: a list without ``maxItems``, an object that is open to other keys, a
    union, a contract that refers to itself, a text. Of a list, the items of the label and those of the answer
    may all differ, so its fields are twice its items; only the answer's count as values.
    """
    if loss == "documents" or isinstance(output, Labels):
        return 1
    if not isinstance(output, JsonSchema) or "patternProperties" in json.dumps(output.definition):
        return None
    place = valid_place(output.definition)
    return None if place is None else _most(place, 2 if loss == "fields" else 1, frozenset())


def _most(place: Place, sides: int, above: frozenset[int]) -> int | None:
    if id(place) in above or place.open or place.heads or not place.types:
        return None
    above |= {id(place)}
    if "array" in place.types:
        limit, item = place.keywords.get("maxItems"), place.items and _most(place.items, 1, above)
        return None if limit is None or item is None else max(1, sides * limit * item)
    if "object" not in place.types:
        return 1
    parts = [_most(part, sides, above) for part in place.properties.values()]
    return sum(part or 0 for part in parts) if place.closed and None not in parts else None
