"""Rank every training scope by models that were not fitted to its group or document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from insource.arms.classical.spans.folds import Fold
from insource.arms.classical.spans.rankers import (
    Labelled,
    fit_ranker,
    labelled,
    ranked,
    seen_elsewhere,
    set_seen,
)
from insource.arms.classical.spans.teaching import Group, teach
from insource.foundation.rng import generator
from insource.matching.normal_forms import fold_text
from insource.models.fitted.spans.fields import Field, Path, Taught
from insource.models.fitted.spans.judgement import Judgement
from insource.models.fitted.spans.ranking import Ranked, Ranker

Ranking = list[tuple[Ranked, ...] | None]
"""The ranked values of each scope; None where no model was fitted that had not seen it."""


@dataclass(frozen=True)
class Part:
    """One field's model, fitted to some of the scopes."""

    taught: Taught
    ranker: Ranker | None
    judgement: Judgement | None = None


@dataclass(frozen=True)
class FieldFit:
    """One field: fitted to all scopes, to the folds of the first set, and ranked out of fold by each set."""

    field: Field
    whole: Part
    folds: Sequence[Part]
    rankings: Sequence[Ranking]


def fit_fields(group: Group, fold_sets: Sequence[Sequence[Fold]], seed: int) -> dict[Path, FieldFit]:
    """Fit every field of a group.

    Args:
        group: the scopes with their values.
        fold_sets: as ``folds.fold_sets`` gives them, over samples.
        seed: of the sampled negatives.
    """
    everything = list(range(len(group.scopes)))
    scopes = [[(group.of_samples(f.train), group.of_samples(f.held)) for f in folds] for folds in fold_sets]
    taught = teach(group, everything)
    by_fold = [[teach(group, train) for train, _ in folds] for folds in scopes]
    found: dict[Path, FieldFit] = {}
    for path, one in group.fields.items():
        work = _Work(group, one, taught[path], seed)
        rankings: list[Ranking] = []
        parts: list[Part] = []
        for n, folds in enumerate(scopes):
            ranking: Ranking = [None] * len(everything)
            for k, (train, held) in enumerate(folds):
                part = work.fit(by_fold[n][k][path], train, f"{n}.{k}")
                parts += [part] if n == 0 else []
                for scope in held:
                    ranking[scope] = work.rank(part, scope)
            rankings.append(ranking)
        whole = work.fit(taught[path], everything, "whole")
        found[path] = FieldFit(one, whole, parts, rankings)
    return found


class _Work:
    """The data of one field while it is fitted. Candidates are made anew where other spellings are known."""

    def __init__(self, group: Group, field: Field, taught: Taught, seed: int) -> None:
        self._group, self._field, self._seed = group, field, seed
        self._known = taught
        self._data: Labelled | None = None
        self._last: tuple[Taught, Labelled] | None = None
        text = field.kind in ("text", "id")
        golds = group.golds[field.path]
        self._own = [Counter(fold_text(str(v)) for v in gold or ()) if text else Counter() for gold in golds]

    def fit(self, taught: Taught, train: Sequence[int], name: str) -> Part:
        if not any(self._group.golds[self._field.path][n] for n in train):
            return Part(taught, None)
        data = self._labelled(taught)
        self._count(data, taught, frozenset(train))
        rng = generator(self._seed, f"spans.{self._field.name}.{name}")
        return Part(taught, fit_ranker(data, train, rng))

    def rank(self, part: Part, scope: int) -> tuple[Ranked, ...]:
        if part.ranker is None:
            return ()
        return ranked(self._labelled(part.taught), self._field, part.ranker, scope)

    def _labelled(self, taught: Taught) -> Labelled:
        if _same_candidates(taught, self._known):
            if self._data is None:
                self._data = self._make(taught)
            return self._data
        if self._last is None or not _same_candidates(taught, self._last[0]):
            self._last = (taught, self._make(taught))
        return self._last[1]

    def _make(self, taught: Taught) -> Labelled:
        path, group = self._field.path, self._group
        return labelled(group.scopes, self._field, taught, group.golds[path], group.equal[path])

    def _count(self, data: Labelled, taught: Taught, train: frozenset[int]) -> None:
        none: dict[str, int] = {}
        own: list[dict[str, int]] = [dict(mine) if n in train else none for n, mine in enumerate(self._own)]
        set_seen(data, seen_elsewhere(self._field, data, taught.vocabulary, own))


def _same_candidates(one: Taught, other: Taught) -> bool:
    return replace(one, vocabulary={}) == replace(other, vocabulary={})
