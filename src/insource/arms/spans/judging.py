"""Fit the second stages on out-of-fold rankings: the choice among values, and the chance of each outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from insource.arms.spans.out_of_fold import Ranking
from insource.models.fitted.spans.claims import EMPTY, RIGHT, WRONG, Judge, compared
from insource.models.fitted.spans.fields import Field, Path
from insource.models.fitted.spans.logistic import Logistic

RERANK_STRENGTH, OUTCOME_STRENGTH = 1.0, 10.0
"""Inverse strengths of the penalty."""

Golds = Sequence[Sequence[Any] | None]


def fit_judge(
    field: Field,
    rankings: Mapping[Path, Sequence[Ranking]],
    kinds: Mapping[Path, str],
    golds: Golds,
    equal: Callable[[Any, Any], bool],
    scopes: Iterable[int],
) -> Judge:
    """Fit one field's second stage on the scopes given.

    Args:
        field: the field.
        rankings: of every field, by fold set and scope.
        kinds: the kind of each field; only those of one kind compete for a value.
        golds: the field's values in each scope.
        equal: its comparator.
        scopes: those to fit on.
    """
    scopes = [scope for scope in scopes if golds[scope] is not None]
    rivals = [path for path in rankings if path != field.path and kinds[path] == field.kind]
    seen = [
        (scope, ranked, [other for path in rivals if (other := rankings[path][n][scope])])
        for n, ranking in enumerate(rankings[field.path])
        for scope in scopes
        if (ranked := ranking[scope])
    ]
    parts = [compared(field, ranked, others) for _, ranked, others in seen]
    if not parts:
        return Judge(none_right=_none_right(golds, scopes, rankings[field.path]))
    right = [
        any(equal(gold, one.value) for gold in golds[scope] or ())
        for (scope, ranked, _), part in zip(seen, parts, strict=True)
        for one in ranked[: len(part)]
    ]
    judge = Judge(
        rerank=logistic(np.concatenate(parts), right, RERANK_STRENGTH),
        none_right=_none_right(golds, scopes, rankings[field.path]),
    )
    features, outcomes = [], []
    for scope, ranked, others in seen:
        claims = judge.claims(field, ranked, others)
        for claim in claims if field.many else claims[:1]:
            gold = golds[scope] or ()
            features.append(claim.features)
            is_right = any(equal(value, claim.value) for value in gold)
            outcomes.append(RIGHT if is_right else EMPTY if not gold and not field.many else WRONG)
    return Judge(judge.rerank, logistic(np.array(features), outcomes, OUTCOME_STRENGTH), judge.none_right)


def _none_right(golds: Golds, scopes: Iterable[int], rankings: Sequence[Ranking]) -> float:
    """Return the share of scopes without a value among those without a candidate (Laplace)."""
    empty = [not golds[scope] for ranking in rankings for scope in scopes if not ranking[scope]]
    return (sum(empty) + 1) / (len(empty) + 2)


def logistic(features: np.ndarray[Any, Any], labels: ArrayLike, strength: float) -> Logistic | None:
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
