"""Score candidates with a linear model, and rank the values that they stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.models.fitted.spans.candidate import Candidate, value_key
from insource.models.fitted.spans.features import WIDTH, Rows
from insource.models.fitted.spans.fields import Field

KEPT = 8
KEPT_OF_LIST = 12
NOTHING = -12.0
"""The score that stands for no other candidate."""


class Ranked(NamedTuple):
    """A value with ``total``, the log of the summed odds of all its candidates, and ``best``, that of one."""

    value: Any
    key: Any
    total: float
    best: float
    start: int
    end: int


class Ranker:
    """The weights of a linear model over ``WIDTH`` features; only those that are not zero are kept."""

    def __init__(self, places: NDArray[np.int32], weights: NDArray[np.float32], intercept: float) -> None:
        self.places, self.weights, self.intercept = places, weights, intercept

    @classmethod
    def of(cls, coefficients: NDArray[np.float64], intercept: float) -> Ranker:
        """Keep the weights of a fitted model."""
        places = np.flatnonzero(coefficients).astype(np.int32)
        return cls(places, coefficients[places].astype(np.float32), float(intercept))

    def scores(self, rows: Rows, seen: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the log-odds of each candidate; ``seen`` as ``features.times_seen`` gives it."""
        return self.sums(rows) + self._weights[seen]

    def sums(self, rows: Rows) -> NDArray[np.float32]:
        """Return the log-odds of rows that hold all their features."""
        if len(rows.starts) < 2:
            return np.zeros(0, dtype=np.float32)
        sums = np.add.reduceat(self._weights[rows.places], rows.starts[:-1])
        return np.asarray(sums + np.float32(self.intercept), dtype=np.float32)

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        table = np.zeros(WIDTH, dtype=np.float32)
        table[self.places] = self.weights
        return table


def rank(field: Field, found: Sequence[Candidate], scores: Iterable[float]) -> tuple[Ranked, ...]:
    """Return the best values of a scope, best first. Values of a list of texts do not overlap."""
    groups: dict[Any, list[tuple[float, int]]] = defaultdict(list)
    for place, score in enumerate(scores):
        groups[value_key(field, found[place].value)].append((float(score), place))
    ranked = []
    for key, group in groups.items():
        best, place = max(group, key=lambda pair: (pair[0], -pair[1]))
        one = found[place]
        total = float(np.logaddexp.reduce([score for score, _ in group]))
        ranked.append(Ranked(one.value, key, total, best, one.start, one.end))
    if field.many and field.kind in ("text", "id"):
        ranked = _apart(ranked)
    ranked.sort(key=lambda one: (-one.total, one.start, one.end))
    return tuple(ranked[: KEPT_OF_LIST if field.many else KEPT])


def _apart(ranked: list[Ranked]) -> list[Ranked]:
    kept: list[Ranked] = []
    for one in sorted(ranked, key=lambda one: (-one.best, one.start, one.end)):
        if all(one.end <= other.start or one.start >= other.end for other in kept):
            kept.append(one)
        if len(kept) == KEPT:
            break
    return kept


Rankings = Mapping[str, tuple[Ranked, ...]]
"""What each field, by its name, makes of one scope."""
