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

    Words in more than half of the rows say nothing about nearness and are left out.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectoriser = TfidfVectorizer(sublinear_tf=True, max_df=0.5 if len(rows) > 10 else 1.0, dtype=np.float32)
    try:
        known = vectoriser.fit_transform([row[:_READ] for row in rows]).T.tocsc()
    except ValueError:  # no word is left
        return np.ones(len(texts))
    asked = vectoriser.transform([text[:_READ] for text in texts])
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
