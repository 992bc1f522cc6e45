"""Fit the second stages on out-of-fold rankings: the choice among values, and the chance of each outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insource.arms.classical.spans.out_of_fold import Ranking
from insource.models.fitted.spans.claims import EMPTY, RIGHT, WRONG, Judge, compared
from insource.models.fitted.spans.fields import Field
from insource.models.fitted.spans.logistic import Logistic
from insource.models.fitted.spans.ranking import Ranked

RERANK_STRENGTH, OUTCOME_STRENGTH = 1.0, 10.0
"""Inverse strengths of the penalty."""

Golds = Sequence[Sequence[Any] | None]


class Seen(NamedTuple):
    """A field's ranked values in one scope, by a model that had not seen it. ``right`` says which are."""

    scope: int
    ranked: tuple[Ranked, ...]
    features: NDArray[np.float64]
    right: tuple[bool, ...]
    empty: bool


def seen_of(
    field: Field,
    rankings: Sequence[Ranking],
    rivals: Sequence[Sequence[Ranking]],
    golds: Golds,
    equal: Callable[[Any, Any], bool],
) -> list[Seen]:
    """Return what the second stage of a field is fitted to.

    Args:
        field: the field.
        rankings: its rankings, by fold set and scope.
        rivals: those of the fields that compete with it.
        golds: its values in each scope, None where it is not judged.
        equal: its comparator.
    """
    found = []
    for n, ranking in enumerate(rankings):
        for scope, ranked in enumerate(ranking):
            gold = golds[scope]
            if gold is None or ranked is None:
                continue
            features = compared(field, ranked, [other for rival in rivals if (other := rival[n][scope])])
            right = tuple(any(equal(value, one.value) for value in gold) for one in ranked[: len(features)])
            found.append(Seen(scope, ranked, features, right, not gold))
    return found


def fit_judge(field: Field, seen: Sequence[Seen]) -> Judge:
    """Fit a field's second stage."""
    filled = [one for one in seen if one.ranked]
    without = [one.empty for one in seen if not one.ranked]
    none_right = (sum(without) + 1) / (len(without) + 2)
    if not filled:
        return Judge(none_right=none_right)
    right = [flag for one in filled for flag in one.right]
    first = Judge(logistic(np.concatenate([one.features for one in filled]), right, RERANK_STRENGTH))
    features, outcomes = [], []
    for one in filled:
        by_value = {id(ranked.value): flag for ranked, flag in zip(one.ranked, one.right, strict=False)}
        claims = first.claims(one.ranked, one.features)
        for claim in claims if field.many else claims[:1]:
            features.append(claim.features)
            is_right = by_value[id(claim.value)]
            outcomes.append(RIGHT if is_right else EMPTY if one.empty and not field.many else WRONG)
    outcome = logistic(np.array(features), outcomes, OUTCOME_STRENGTH)
    return Judge(first.rerank, outcome, none_right)


def logistic(features: NDArray[np.float64], labels: ArrayLike, strength: float) -> Logistic | None:
    """Fit a logistic model, None for fewer than two classes."""
    from sklearn.linear_model import LogisticRegression

    known = np.asarray(labels, dtype=np.int64)
    if len(np.unique(known)) < 2:
        return None
    model = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200).fit(features, known)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.vstack([np.zeros_like(coefficients[0]), coefficients[0]])
        intercepts = np.array([0.0, intercepts[0]])
    return Logistic(tuple(int(one) for one in model.classes_), coefficients, intercepts)
