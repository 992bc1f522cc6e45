"""What a bound counts: the documents, fields or values of the calibration split that are wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from insource.contract.places import Place, valid_place
from insource.stats.group_bounds import ltt_group_threshold
from insource.stats.learn_then_test import ltt_ratio_threshold, ltt_threshold
from insource.types import EvalRecord, JsonSchema, Labels, OutputSpec
from insource.types.routing import Loss, Unit

BY_DOCUMENT: frozenset[Loss] = frozenset({"documents", "cloud"})
"""The losses that are 0 or 1 in a document, so that their test is the exact binomial one."""

WRONG = frozenset({"wrong", "missed", "invented"})


class Judged(NamedTuple):
    """The calibration documents that may be served, one value each.

    ``wrong`` of the ``counted`` documents, fields or values are wrong (their weights, for the loss
    ``weighted``); none can hold more than ``most``. ``groups`` are the codes of their groups, each document
    without one being its own.
    """

    loss: Loss
    confidence: np.ndarray
    wrong: np.ndarray
    counted: np.ndarray
    most: float
    groups: np.ndarray
    unit: Unit = "documents"

    @property
    def error_rate(self) -> float | None:
        """The share that is wrong where everything is served; None when nothing is counted."""
        total = float(self.counted.sum())
        return float(self.wrong.sum()) / total if total else None

    @property
    def overfull(self) -> bool:
        """Whether a document holds more than was stated, so that nothing can be tested."""
        return bool((self.counted > self.most * (1 + ROUNDING)).any())

    @property
    def units(self) -> int:
        """How many documents or groups a bound is tested on."""
        return len(np.unique(self.groups)) if self.unit == "groups" else len(self.confidence)

    def served(self, threshold: float | None) -> int:
        """Return how many documents a threshold serves."""
        return 0 if threshold is None else int((self.confidence >= threshold).sum())

    def counted_share(self, threshold: float | None) -> float:
        """Return the share of what is counted, such as fields, that a threshold serves."""
        total = float(self.counted.sum())
        if threshold is None or not total:
            return 0.0
        return float(self.counted[self.confidence >= threshold].sum()) / total

    def part(self, keep: np.ndarray) -> Judged:
        """Return some of the documents, by a mask."""
        return self._replace(
            confidence=self.confidence[keep],
            wrong=self.wrong[keep],
            counted=self.counted[keep],
            groups=self.groups[keep],
        )

    def threshold(self, max_error: float, delta: float) -> float | None:
        """Return the lowest threshold that keeps the bound, by the test that suits the loss and the unit."""
        if self.unit == "groups":
            return ltt_group_threshold(
                self.confidence, self.wrong, self.counted, self.groups, max_error, delta
            )
        if self.loss in BY_DOCUMENT:
            return ltt_threshold(self.confidence, self.wrong == 0, max_error, delta)
        counted = np.minimum(self.counted, self.most)
        wrong = np.minimum(self.wrong, counted)
        return ltt_ratio_threshold(self.confidence, wrong, counted, self.most, max_error, delta)


ROUNDING = 1e-9
"""Sums of weights are compared up to this share of them."""


class Counted(NamedTuple):
    """One document: how sure its answer is, what is wrong of what is counted, and the document's group."""

    confidence: float | None
    wrong: float
    counted: float
    group: str | None = None


def judged(loss: Loss, found: Iterable[Counted], most: float, unit: Unit = "documents") -> Judged:
    """Return the documents with a confidence; the others are never served locally."""
    kept = [one for one in found if one.confidence is not None]
    names = [f"document {i}" if one.group is None else f"group {one.group}" for i, one in enumerate(kept)]
    return Judged(
        loss,
        np.array([one.confidence for one in kept], dtype=float),
        np.array([one.wrong for one in kept], dtype=float),
        np.array([one.counted for one in kept], dtype=float),
        most,
        np.unique(np.array(names, dtype=str), return_inverse=True)[1],
        unit,
    )


class Counting(NamedTuple):
    """How the loss of a document is counted.

    ``weights`` are for the loss ``weighted``; ``cloud`` has the cloud's record of each document by its id,
    for the loss ``cloud``.
    """

    loss: Loss
    most: float
    weights: Mapping[str, float] = {}
    cloud: Mapping[str, EvalRecord] = {}

    def of(self, record: EvalRecord) -> Counted | None:
        """Return what the loss counts in one document, None where it is not to be judged.

        For fields and values, an answer outside the contract is left out: it is never served. An abstained
        field is not counted. Against the cloud, a document that the cloud was not asked about is left out.
        """
        found = self._count(record)
        return None if found is None else Counted(record.confidence, *found, record.group)

    def judged(self, records: Sequence[EvalRecord], unit: Unit = "documents") -> Judged:
        """Return what the loss counts in these records."""
        return judged(self.loss, filter(None, map(self.of, records)), self.most, unit)

    def _count(self, record: EvalRecord) -> tuple[float, float] | None:
        score = record.score
        if self.loss in BY_DOCUMENT:
            wrong = score is None or not score.exact
            if self.loss == "documents":
                return float(wrong), 1.0
            theirs = self.cloud.get(record.row_id)
            if theirs is None or theirs.status == "unscored":
                return None
            return float(wrong and theirs.score is not None and theirs.score.exact), 1.0
        if score is None or not score.schema_valid:
            return None
        return lost_of(self.loss, ((slot.path, slot.bucket) for slot in score.slots), self.weights)


def lost_of(
    loss: Loss, slots: Iterable[tuple[str, str]], weights: Mapping[str, float]
) -> tuple[float, float]:
    """Return what is wrong in one document and what is counted, from the path and bucket of its slots."""
    if loss == "invented":
        answered = [bucket for _, bucket in slots if bucket in ("correct", "wrong", "invented")]
        return float(answered.count("invented")), float(len(answered))
    used = weights if loss == "weighted" else {}
    costs = [(weight_of(path, used), bucket in WRONG) for path, bucket in slots if bucket != "abstained"]
    return float(sum(cost for cost, wrong in costs if wrong)), float(sum(cost for cost, _ in costs))


def weight_of(path: str, weights: Mapping[str, float]) -> float:
    """Return what an error at a path costs: the weight of the longest path above it, else 1.

    Places in lists are left out: ``items[3].price`` has the weight of ``items.price``, else of ``items``.
    """
    if not weights:
        return 1.0
    parts = [part for part in re.sub(r"\[[^\]]*\]", "", path).split(".") if part and part != "*"]
    for end in range(len(parts), 0, -1):
        if (found := weights.get(".".join(parts[:end]))) is not None:
            return found
    return 1.0


def unknown_weights(output: OutputSpec, weights: Mapping[str, float]) -> list[str]:
    """Return the paths with a weight that the contract does not have; of open parts, any may be there."""
    root = valid_place(output.definition) if isinstance(output, JsonSchema) else None
    return [path for path in sorted(weights) if root is None or not _has(root, path.split("."))]


def _has(place: Place, parts: Sequence[str]) -> bool:
    while "array" in place.types and place.items is not None:
        place = place.items
    if not parts or place.open or place.heads:
        return True
    if place.types and "object" not in place.types:
        return False
    below = place.properties.get(parts[0])
    return not place.closed if below is None else _has(below, parts[1:])


def most_of(output: OutputSpec, loss: Loss, weights: Mapping[str, float] | None = None) -> float | None:
    """Return the most that a document can hold of what the loss counts, by the contract alone.

    None when the contract sets no limit: a list without ``maxItems``, an object that is open to other keys, a
    union, a contract that refers to itself, a text. Of a list, the items of the label and those of the answer
    may all differ, so its fields are twice its items; only the answer's count as values. Fields count their
    ``weights`` where those are given.
    """
    if loss in BY_DOCUMENT or isinstance(output, Labels):
        return 1
    if not isinstance(output, JsonSchema) or "patternProperties" in json.dumps(output.definition):
        return None
    place = valid_place(output.definition)
    sides = 1 if loss == "invented" else 2
    return None if place is None else _most(place, sides, frozenset(), "", weights or {})


def most_counted(
    output: OutputSpec, loss: Loss, weights: Mapping[str, float], most_fields: int | None
) -> float | None:
    """Return the most that a document can hold of what a loss counts: as stated, else by the contract."""
    used = weights if loss == "weighted" else {}
    if most_fields is not None and loss not in BY_DOCUMENT:
        return most_fields * max(used.values(), default=1.0)
    return most_of(output, loss, used)


def _most(
    place: Place, sides: int, above: frozenset[int], path: str, weights: Mapping[str, float]
) -> float | None:
    if id(place) in above or place.open or place.heads or not place.types:
        return None
    above |= {id(place)}
    own = weight_of(path, weights)
    if "array" in place.types:
        limit = place.keywords.get("maxItems")
        item = place.items and _most(place.items, 1, above, path, weights)
        return None if limit is None or item is None else max(own, sides * limit * item)
    if "object" not in place.types:
        return own
    parts = [_most(part, sides, above, f"{path}.{name}", weights) for name, part in place.properties.items()]
    return sum(part or 0 for part in parts) if place.closed and None not in parts else None
