"""Which documents are worth sending to the dearer model, before any model answers: the expected gain.

A router that looks for documents on which the cheaper model fails sends many on which the dearer one fails,
too. What pays is the gain: P(the dearer one is right) − P(the cheaper one is right), each learned from
documents of which both outcomes are known. It is measured beside the policy, and serves no calls.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from insource.models.fitted.ngrams import MAX_CHARACTERS, WORD

LEAST = 2
"""An n-gram that fewer documents have says nothing of others."""
STRENGTH = 1.0
"""The inverse regularisation of both models; ``benchmarks/bench_routing.py`` measures with it."""


class GainModel(NamedTuple):
    """Two logistic models on the words of a document and their pairs: is the cheaper, is the dearer one
    right?

    ``weights`` has, by n-gram, its inverse document frequency and its weight in either model, the cheaper one
    first; ``intercepts`` has theirs.
    """

    weights: Mapping[str, tuple[float, float, float]]
    intercepts: tuple[float, float]

    def probabilities(self, document: str) -> tuple[float, float]:
        """Return the probability that the cheaper model is right, and that the dearer one is."""
        cheap = dear = square = 0.0
        for ngram, count in Counter(word_ngrams(document)).items():
            if (known := self.weights.get(ngram)) is not None:
                value = (1 + math.log(count)) * known[0]
                square += value * value
                cheap += value * known[1]
                dear += value * known[2]
        length = math.sqrt(square) or 1.0
        return (
            _logistic(self.intercepts[0] + cheap / length),
            _logistic(self.intercepts[1] + dear / length),
        )

    def gain(self, document: str) -> float:
        """Return what is to be expected of asking the dearer model instead, between -1 and 1."""
        cheap, dear = self.probabilities(document)
        return dear - cheap


def fit_gain(documents: Sequence[str], cheap_right: Sequence[bool], dear_right: Sequence[bool]) -> GainModel:
    """Return the model of both outcomes, one of each for every document.

    Where all outcomes of a model are the same, its probability is their share with one of either added.

    Raises:
        ValueError: the lengths differ, or there are no documents.
    """
    if not documents or len({len(documents), len(cheap_right), len(dear_right)}) != 1:
        raise ValueError("documents and the outcomes of both models must have the same length, above 0")
    from sklearn.feature_extraction.text import TfidfVectorizer

    least = min(LEAST, len(documents))
    vectorizer = TfidfVectorizer(analyzer=word_ngrams, sublinear_tf=True, min_df=least)
    try:
        matrix = vectorizer.fit_transform(documents)
    except ValueError:  # no two documents share an n-gram: nothing but the shares can be learned
        return GainModel({}, (_share_logit(cheap_right), _share_logit(dear_right)))
    fits = [_fit(matrix, np.asarray(right, dtype=bool)) for right in (cheap_right, dear_right)]
    names = vectorizer.get_feature_names_out()
    rows = zip(names, vectorizer.idf_, fits[0][0], fits[1][0], strict=True)
    weights = {str(name): (float(idf), float(cheap), float(dear)) for name, idf, cheap, dear in rows}
    return GainModel(weights, (fits[0][1], fits[1][1]))


def word_ngrams(document: str) -> list[str]:
    """Return the words of a document and their pairs, without case."""
    words = WORD.findall(document[:MAX_CHARACTERS].casefold())
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def _fit(matrix: Any, right: np.ndarray) -> tuple[np.ndarray, float]:
    from sklearn.linear_model import LogisticRegression

    if right.all() or not right.any():
        return np.zeros(matrix.shape[1]), _share_logit(right)
    model = LogisticRegression(C=STRENGTH, max_iter=1000).fit(matrix, right)
    return model.coef_[0], float(model.intercept_[0])


def _share_logit(right: Sequence[bool] | np.ndarray) -> float:
    """Return the logit of the share that is right, with one right and one wrong added."""
    good = int(np.sum(right)) + 1
    return math.log(good / (len(right) + 2 - good))


def _logistic(score: float) -> float:
    return 1 / (1 + math.exp(-score))
