"""Texts as matrices for fitting linear models; ``models/fitted`` computes the same row of one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from insource.models.embeddings.minilm import Vectors, embed
from insource.models.fitted.ngrams import MAX_CHARACTERS, Ngrams, ngrams

Array = npt.NDArray[Any]

# A label's weights take 4 bytes a feature: with many labels, only the most frequent n-grams are kept.
FEATURES, CELLS = 20_000, 25_000_000
# Characters that are read in all, so that the n-grams of many long documents fit in memory.
CHARACTERS = 10_000_000


class Fitted(Protocol):
    """A representation whose parameters come from some of the rows. ``ngrams`` is None when it has none."""

    @property
    def ngrams(self) -> Ngrams | None: ...

    def rows(self, chosen: Array) -> Any:
        """Return the matrix of the rows in the mask ``chosen``, dense or sparse, shape (rows, features)."""
        ...


class Features(Protocol):
    """A representation of all training rows."""

    def fitted(self, chosen: Array) -> Fitted:
        """Return it with parameters from the rows in the mask ``chosen``, shape (n,)."""
        ...


class VectorFeatures:
    """Sentence embeddings: nothing is fitted."""

    ngrams = None

    def __init__(self, texts: Sequence[str]) -> None:
        self.vectors: Vectors = embed(texts)

    def fitted(self, chosen: Array) -> VectorFeatures:
        return self

    def rows(self, chosen: Array) -> Any:
        return self.vectors[chosen]


class NgramFeatures:
    """TF-IDF of n-grams. Vocabulary and frequencies come from the chosen rows alone."""

    def __init__(self, texts: Sequence[str], labels: int) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        each = min(MAX_CHARACTERS, CHARACTERS // len(texts))
        counter = CountVectorizer(analyzer=lambda text: ngrams(text[:each]))
        self._counts = counter.fit_transform(texts)
        self._names = counter.get_feature_names_out()
        self._kept = min(FEATURES, CELLS // labels)

    def fitted(self, chosen: Array) -> FittedNgrams:
        from sklearn.feature_extraction.text import TfidfTransformer

        frequency = np.asarray((self._counts[chosen] > 0).sum(axis=0)).ravel()
        # Columns are in the order of their names: of equally frequent n-grams the first ones stay.
        frequent = np.argsort(-frequency, kind="stable")[: self._kept]
        columns = np.sort(frequent[frequency[frequent] > 0])
        counts = self._counts[:, columns]
        weights = TfidfTransformer(sublinear_tf=True).fit(counts[chosen])
        idf = weights.idf_.astype(np.float32)
        return FittedNgrams(Ngrams(self._names[columns].tolist(), idf), weights.transform(counts))


class FittedNgrams(NamedTuple):
    """The weighted matrix of all rows, and the vocabulary."""

    ngrams: Ngrams
    matrix: Any

    def rows(self, chosen: Array) -> Any:
        return self.matrix[chosen]
