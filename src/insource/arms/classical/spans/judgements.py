"""Labels of the whole text, for fields whose values no span spells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from insource.arms.classical.spans.folds import Fold
from insource.arms.classical.spans.out_of_fold import FieldFit, Part, Ranking
from insource.arms.classical.spans.teaching import Group
from insource.models.fitted.spans.fields import Field
from insource.models.fitted.spans.judgement import Judgement, term_counts

STRENGTH = 10.0
MIN_DOCUMENTS = 2
"""A term that fewer documents have is left out."""

MOST_LABELS = 60


def judged(field: Field, group: Group, fold_sets: Sequence[Sequence[Fold]], fit: FieldFit) -> FieldFit | None:
    """Return the field fitted as a label of the whole text, None where it has fewer than two values."""
    labels = [None if gold is None else (gold[0] if gold else None) for gold in group.golds[field.path]]
    known = [n for n, gold in enumerate(group.golds[field.path]) if gold is not None]
    if not 2 <= len({(type(labels[n]), labels[n]) for n in known}) <= MOST_LABELS:
        return None
    counts = [term_counts(scope.document) for scope in group.scopes]

    def part(train: Sequence[int]) -> Part:
        inside = frozenset(train)
        kept = [n for n in known if n in inside]
        return Part(fit.whole.taught, None, _fit(counts, labels, kept))

    rankings: list[Ranking] = []
    folds_of: list[Part] = []
    for n, folds in enumerate(fold_sets):
        ranking: Ranking = [None] * len(group.scopes)
        for fold in folds:
            one = part(group.of_samples(fold.train))
            folds_of += [one] if n == 0 else []
            for scope in group.of_samples(fold.held):
                ranking[scope] = one.judgement.rank(group.scopes[scope].document) if one.judgement else ()
        rankings.append(ranking)
    whole = part(range(len(group.scopes)))
    return replace(fit, whole=whole, folds=folds_of, rankings=rankings) if whole.judgement else None


def _fit(counts: Sequence[dict[int, int]], labels: Sequence[object], rows: Sequence[int]) -> Judgement | None:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    names = sorted({labels[n] for n in rows}, key=lambda one: (type(one).__name__, str(one)))
    documents = Counter(place for n in rows for place in counts[n])
    least = MIN_DOCUMENTS if len(rows) > MIN_DOCUMENTS else 1
    places = np.array(sorted(p for p, count in documents.items() if count >= least), dtype=np.int32)
    if len(names) < 2 or not len(places):
        return None
    columns = {place: column for column, place in enumerate(places.tolist())}
    rarity = np.array([np.log((1 + len(rows)) / (1 + documents[p])) + 1 for p in places.tolist()])
    data, indices, starts = [], [], [0]
    for n in rows:
        here = [(columns[place], np.log1p(count)) for place, count in counts[n].items() if place in columns]
        values = np.array([count * rarity[column] for column, count in here])
        data.append(values / (np.linalg.norm(values) or 1.0))
        indices += [column for column, _ in here]
        starts.append(len(indices))
    matrix = csr_matrix((np.concatenate(data), indices, starts), shape=(len(rows), len(places)))
    known = np.array([names.index(labels[n]) for n in rows])
    model = LogisticRegression(C=STRENGTH, tol=1e-3, max_iter=2000).fit(matrix, known)
    weights, intercepts = model.coef_, model.intercept_
    if len(names) == 2:
        weights, intercepts = np.vstack([0 * weights[0], weights[0]]), np.array([0.0, intercepts[0]])
    return Judgement(
        tuple(names),
        places,
        rarity.astype(np.float32),
        weights.astype(np.float32),
        intercepts.astype(np.float32),
    )
