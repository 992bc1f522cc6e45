"""Fit the linear ranker of one field: all right candidates, some wrong ones, then the hardest wrong ones."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.features import WIDTH, Rows, features, times_seen
from insource.models.fitted.spans.fields import Field, Taught
from insource.models.fitted.spans.ranking import Ranked, Ranker, rank

NEGATIVES = 40
HARD_NEGATIVES = 10
STRENGTH = 1.0
"""The inverse strength of the penalty (``C``)."""

CERTAIN = 4.0
"""The log-odds of every candidate where all training candidates are right."""


@dataclass(frozen=True)
class Labelled:
    """The candidates of one field in every scope, or the units that may be rows, with their features.

    ``right`` says which have the field's value. The candidates of scope n are ``bounds[n]`` to
    ``bounds[n + 1]``. ``judged`` says which scopes count.
    """

    found: Sequence[Sequence[Any]]
    rows: Rows
    bounds: NDArray[np.int64]
    right: NDArray[np.bool_]
    judged: NDArray[np.bool_]

    def of_scope(self, scope: int) -> slice:
        return slice(int(self.bounds[scope]), int(self.bounds[scope + 1]))

    @classmethod
    def of(
        cls, found: Sequence[Sequence[Any]], parts: Sequence[Rows], right: NDArray[np.bool_],
        judged: NDArray[np.bool_],
    ) -> Labelled:  # fmt: skip
        """Put the scopes' features together; the last place of each row is left for ``times_seen``."""
        lengths = np.concatenate([np.zeros(0, np.int64), *(np.diff(part.starts) for part in parts)]).astype(
            np.int64
        )
        starts = np.concatenate([[0], np.cumsum(lengths + 1)]).astype(np.int64)
        places = np.zeros(int(starts[-1]), dtype=np.int32)
        keep = np.ones(len(places), dtype=bool)
        keep[starts[1:] - 1] = False
        places[keep] = np.concatenate([np.zeros(0, np.int32), *(part.places for part in parts)])
        bounds = np.concatenate([[0], np.cumsum([len(one) for one in found])]).astype(np.int64)
        return cls(found, Rows(places, starts), bounds, right, judged)


def labelled(
    scopes: Sequence[Scope],
    field: Field,
    taught: Taught,
    golds: Sequence[Sequence[Any] | None],
    equal: Callable[[Any, Any], bool],
) -> Labelled:
    """Return a field's candidates in every scope, labelled by the gold values; None is not judged."""
    found = [candidates(scope, field, taught) for scope in scopes]
    parts = [features(scope, field, one) for scope, one in zip(scopes, found, strict=True)]
    right = np.array(
        [
            any(equal(value, one.value) for value in gold or ())
            for here, gold in zip(found, golds, strict=True)
            for one in here
        ],
        dtype=bool,
    )
    return Labelled.of(found, parts, right, np.array([gold is not None for gold in golds], dtype=bool))


def set_seen(data: Labelled, seen: Sequence[NDArray[np.int32]]) -> None:
    """Write how often training had each candidate's value into the last place of its features."""
    if seen:
        data.rows.places[data.rows.starts[1:] - 1] = np.concatenate(seen)


def fit_ranker(data: Labelled, scopes: Sequence[int], rng: np.random.Generator) -> Ranker | None:
    """Fit to the judged scopes among ``scopes``; None where no candidate there is right."""
    picks: dict[int, NDArray[np.int64]] = {}
    for scope in scopes:
        if not data.judged[scope]:
            continue
        here = data.of_scope(scope)
        right = data.right[here]
        wrong = np.flatnonzero(~right)
        if len(wrong) > NEGATIVES:
            wrong = np.sort(rng.choice(wrong, NEGATIVES, replace=False))
        picks[scope] = here.start + np.concatenate([np.flatnonzero(right), wrong])
    ranker = _fit(data, picks)
    crowded = [scope for scope in picks if len(data.found[scope]) > NEGATIVES]
    if ranker is None or not crowded:
        return ranker
    for scope in crowded:
        here = data.of_scope(scope)
        scores = _scores(data, ranker, here)
        scores[data.right[here]] = -np.inf
        hard = here.start + np.argsort(-scores, kind="stable")[:HARD_NEGATIVES]
        picks[scope] = np.union1d(picks[scope], hard)
    return _fit(data, picks)


def _fit(data: Labelled, picks: dict[int, NDArray[np.int64]]) -> Ranker | None:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate(list(picks.values())) if picks else np.zeros(0, dtype=np.int64)
    right = data.right[rows]
    if not right.any():
        return None
    if right.all():
        return Ranker.of(np.zeros(WIDTH), CERTAIN)
    starts = data.rows.starts
    lengths = starts[rows + 1] - starts[rows]
    ends = np.cumsum(lengths)
    places = data.rows.places[np.repeat(starts[rows] - (ends - lengths), lengths) + np.arange(ends[-1])]
    indptr = np.concatenate([[0], ends])
    matrix = csr_matrix((np.ones(len(places)), places, indptr), shape=(len(rows), WIDTH))
    model = LogisticRegression(C=STRENGTH, solver="liblinear", tol=1e-2).fit(matrix, right)
    return Ranker.of(model.coef_[0], float(model.intercept_[0]))


def _scores(data: Labelled, ranker: Ranker, here: slice) -> NDArray[np.float32]:
    starts = data.rows.starts[here.start : here.stop + 1]
    rows = Rows(data.rows.places[starts[0] : starts[-1]], starts - starts[0])
    return ranker.sums(rows)


def ranked(data: Labelled, field: Field, ranker: Ranker, scope: int) -> tuple[Ranked, ...]:
    """Return the best values of one scope."""
    if not data.found[scope]:
        return ()
    return rank(field, data.found[scope], _scores(data, ranker, data.of_scope(scope)))


def seen_elsewhere(
    field: Field, data: Labelled, vocabulary: dict[str, int], own: Sequence[dict[str, int]]
) -> list[NDArray[np.int32]]:
    """Return ``times_seen`` of every scope, without what a training scope itself adds to it."""
    found = []
    for here, mine in zip(data.found, own, strict=True):
        others = ChainMap({value: vocabulary[value] - count for value, count in mine.items()}, vocabulary)
        found.append(times_seen(field, here, others))
    return found
