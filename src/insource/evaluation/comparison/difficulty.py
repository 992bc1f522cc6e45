"""How difficult a document is, known before it is answered: length, distance to training, disagreement."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from insource.matching.assignment import canonical
from insource.stats.intervals import Floats
from insource.types import Example

_ROWS_AT_ONCE = 500
_PRODUCTS = 1e8  # of two words' weights: about two seconds
_READ = 20_000  # characters; what follows seldom changes the nearest row


class Difficulty(NamedTuple):
    """A measure of difficulty by row id; larger is harder."""

    name: str
    unit: str
    values: Mapping[str, float]


def difficulties(test: Sequence[Example], train: Sequence[Example]) -> tuple[Difficulty, ...]:
    """Return the measures that these documents have.

    ``length`` is in characters. ``distance to training`` is 1 minus the cosine with the nearest training row,
    by TF-IDF of words; it needs training rows. ``cloud disagreement`` is the share of logged clouds whose
    answer is not the most common one; it needs at least two clouds on every document that counts.
    """
    found = [Difficulty("length", "characters", {e.row_id: float(len(e.input)) for e in test})]
    if train and test:
        distance = nearest_distance([e.input for e in test], [e.input for e in train])
        rows = dict(zip((e.row_id for e in test), distance.tolist(), strict=True))
        found.append(Difficulty("distance to training", "1 − cosine", rows))
    disagreed = {e.row_id: _disagreement(e.cloud_outputs) for e in test if len(e.cloud_outputs) > 1}
    if disagreed:
        found.append(Difficulty("cloud disagreement", "share of clouds", disagreed))
    return tuple(found)


def nearest_distance(texts: Sequence[str], rows: Sequence[str]) -> Floats:
    """Return 1 minus the cosine of each text with the nearest of ``rows``, by TF-IDF of words.

    Words of the texts that no row has make them distant. With many rows the most common words, which say
    least about nearness, are left out, so that ten thousand texts and rows take seconds.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    vectoriser = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, norm=None)
    try:
        everything = vectoriser.fit_transform([text[:_READ] for text in (*texts, *rows)])
    except ValueError:  # there is no word
        return np.ones(len(texts))
    asked, known = everything[: len(texts)], everything[len(texts) :]
    products = asked.getnnz(axis=0).astype(float) * known.getnnz(axis=0)
    order = np.argsort(products, kind="stable")
    kept = np.sort(order[: max(1, int((np.cumsum(products[order]) <= _PRODUCTS).sum()))])
    asked, known = normalize(asked[:, kept]), normalize(known[:, kept]).T.tocsr()
    nearest = [
        (asked[start : start + _ROWS_AT_ONCE] @ known).max(axis=1).toarray().ravel()
        for start in range(0, len(texts), _ROWS_AT_ONCE)
    ]
    return np.clip(1.0 - np.concatenate(nearest).astype(float), 0.0, 1.0)


def _disagreement(answers: Mapping[str, str]) -> float:
    counts = Counter(_same_spelling(answer) for answer in answers.values())
    return 1 - max(counts.values()) / len(answers)


def _same_spelling(answer: str) -> str:
    """Return an answer such that those which differ in layout alone are equal."""
    try:
        return canonical(json.loads(answer))
    except ValueError:
        return " ".join(answer.split()).casefold()
