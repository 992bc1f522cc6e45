"""What a field answers: the second stage, which sees the other fields' claims, and the chance of no value."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from insource.models.fitted.spans.fields import Field
from insource.models.fitted.spans.logistic import Logistic
from insource.models.fitted.spans.ranking import NOTHING, Ranked

RIGHT, EMPTY, WRONG = 0, 1, 2
"""What can be true of a field's best value: it is right, the field has none, or it has another."""

_COMPARED = 6
_FAR = -8.0


class Claim(NamedTuple):
    """A value that a field may answer with, ``score`` after the second stage; ``features`` for its chance."""

    value: Any
    score: float
    features: tuple[float, float, float]


class Decision(NamedTuple):
    """What a field answers in one scope.

    ``values`` are those to answer with, ``others`` further ones in order, for where a value is needed.
    ``confidence`` is the chance that the answer is right, a missing one included.
    """

    values: tuple[Any, ...]
    others: tuple[Any, ...]
    confidence: float


def compared(
    field: Field, ranked: tuple[Ranked, ...], others: Iterable[tuple[Ranked, ...]]
) -> NDArray[np.float64]:
    """Return the second stage's features of the best values: own scores, and what other fields claim."""
    claimed: dict[Any, list[tuple[float, bool]]] = defaultdict(list)
    for other in others:
        for place, one in enumerate(other[:_COMPARED]):
            claimed[one.key].append((one.total, place == 0))
    rows = []
    for place, one in enumerate(ranked[:_COMPARED]):
        among = claimed.get(one.key, [])
        most = max((score for score, _ in among), default=_FAR)
        first = max((score for score, is_first in among if is_first), default=_FAR)
        gap = _gap(field, ranked, place)
        margin = max(min(one.total - most, -_FAR), _FAR)
        rows.append(
            [max(one.total, NOTHING), gap, float(place == 0), max(most, _FAR), max(first, _FAR), margin]
        )
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _gap(field: Field, ranked: tuple[Ranked, ...], place: int) -> float:
    """Return the distance to the best value, for the best that to the second; values of a list have none."""
    if field.many:
        return 0.0
    if place:
        return max(ranked[place].total - ranked[0].total, NOTHING)
    return ranked[0].total - ranked[1].total if len(ranked) > 1 else -NOTHING


@dataclass(frozen=True)
class Judge:
    """The second stage of one field.

    ``rerank`` scores a value by ``compared``; ``outcome`` gives the chances of ``RIGHT``, ``EMPTY`` and
    ``WRONG``. Either is None where training had one outcome only. ``none_right`` is the chance that a field
    without any candidate is empty.
    """

    rerank: Logistic | None = None
    outcome: Logistic | None = None
    none_right: float = 0.5

    def claims(self, ranked: tuple[Ranked, ...], features: NDArray[np.float64]) -> list[Claim]:
        """Return the values of a field in the order of the second stage; ``features`` by ``compared``."""
        if not len(features):
            return []
        scores = features[:, 0]
        if self.rerank is not None:
            scores = features @ self.rerank.coefficients[-1] + self.rerank.intercepts[-1]
        order = np.argsort(-scores, kind="stable")
        best = float(scores[order[0]])
        gap = min(best - (float(scores[order[1]]) if len(order) > 1 else NOTHING), -NOTHING)
        return [
            Claim(ranked[k].value, float(scores[k]), (float(scores[k]), gap, float(features[k, 0])))
            for k in order
        ]

    def decide(self, field: Field, claims: list[Claim]) -> Decision:
        """Return the answer. Of a list, each value has to be likelier right than not."""
        if not claims:
            return Decision((), (), self.none_right)
        features = np.array([claim.features for claim in claims])
        if self.outcome is None:
            right, empty = 1 / (1 + np.exp(-features[:, 0])), np.zeros(len(claims))
        else:
            right = self.outcome.of_class(features, RIGHT)
            empty = self.outcome.of_class(features, EMPTY)
        values = [claim.value for claim in claims]
        if field.many:
            kept = [value for value, chance in zip(values, right, strict=True) if chance > 0.5]
            rest = [value for value, chance in zip(values, right, strict=True) if chance <= 0.5]
            return Decision(tuple(kept), tuple(rest), float(np.prod(np.maximum(right, 1 - right))))
        if right[0] > empty[0]:
            return Decision((values[0],), tuple(values[1:]), float(right[0]))
        return Decision((), tuple(values), float(empty[0]))

    def to_json(self) -> dict[str, Any]:
        """Return the stage as JSON values."""
        return {
            "rerank": self.rerank and self.rerank.to_json(),
            "outcome": self.outcome and self.outcome.to_json(),
            "none_right": self.none_right,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what ``to_json`` wrote."""
        rerank, outcome = value["rerank"], value["outcome"]
        return cls(
            rerank and Logistic.from_json(rerank),
            outcome and Logistic.from_json(outcome),
            value["none_right"],
        )


def document_confidence(model: Logistic | None, confidences: Mapping[str, float]) -> float:
    """Return the chance that all fields are right: calibrated from the sum of their log-chances."""
    feature = log_product(confidences.values())
    if model is None:
        return math.exp(feature)
    return float(model.of_class(np.array([[feature]]), 1)[0])


def log_product(confidences: Iterable[float]) -> float:
    """Return the sum of the logarithms, at least -20."""
    return max(sum(math.log(max(confidence, 1e-9)) for confidence in confidences), -20.0)
