"""An index of texts: the nearest by character TF-IDF, and by sentence embeddings where there are some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to vectors of length 1, one row a text."""

FEATURES = 2**18
NGRAMS = (2, 4)


class TextIndex:
    """Texts, by the cosine of their character n-grams weighted by rarity (TF-IDF).

    N-grams are hashed, so an index is three arrays and no vocabulary. ``vectors`` are the embeddings of the
    same texts (texts × dimensions, each row of length 1); with them, two rankings are fused into one.
    """

    def __init__(
        self, weights: Any, rarity: NDArray[np.float64], vectors: NDArray[np.float32] | None = None
    ) -> None:
        self._weights = weights
        self._rarity = rarity
        self._vectors = vectors

    @property
    def embedded(self) -> bool:
        """Whether a query needs an embedding, too."""
        return self._vectors is not None

    @classmethod
    def of(cls, texts: Sequence[str], embed: Embed | None = None) -> TextIndex:
        """Index these texts; with ``embed``, by their embeddings alone."""
        counts = _counts(texts)
        present = np.bincount(counts.indices, minlength=FEATURES)
        # As scikit-learn's TfidfTransformer with smooth_idf: log((1 + n) / (1 + df)) + 1.
        rarity = np.log((1 + len(texts)) / (1 + present)) + 1
        vectors = np.asarray(embed(texts), dtype=np.float32) if embed else None
        return cls(_weighted(counts, rarity), rarity, vectors)

    def similarities(self, text: str, embed: Embed | None = None) -> NDArray[np.float64]:
        """Return the cosine of ``text`` with each text of the index, by embeddings where there are some.

        Raises:
            ValueError: the index holds embeddings and ``embed`` is None.
        """
        if self._vectors is None:
            found = self._weights @ _weighted(_counts([text]), self._rarity).T
            return np.asarray(found.toarray(), dtype=float).ravel()
        if embed is None:
            raise ValueError("this index was made with sentence embeddings, and there are none")
        return np.asarray(self._vectors @ np.asarray(embed([text]))[0], dtype=float)

    def between(self) -> NDArray[np.float64]:
        """Return the cosines of all texts with all texts (texts × texts)."""
        if self._vectors is not None:
            return np.asarray(self._vectors @ self._vectors.T, dtype=float)
        return np.asarray((self._weights @ self._weights.T).toarray(), dtype=float)

    def save(self, path: Path) -> None:
        """Write the arrays as ``.npz``."""
        arrays = {
            "data": self._weights.data,
            "indices": self._weights.indices,
            "indptr": self._weights.indptr,
            "rarity": self._rarity,
        }
        if self._vectors is not None:
            arrays["vectors"] = self._vectors
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> TextIndex:
        """Read what ``save`` wrote.

        Raises:
            OSError, ValueError, KeyError: the file is missing or damaged.
        """
        from scipy.sparse import csr_matrix

        with np.load(path, allow_pickle=False) as arrays:
            parts = (arrays["data"], arrays["indices"], arrays["indptr"])
            weights = csr_matrix(parts, shape=(len(arrays["indptr"]) - 1, FEATURES))
            vectors = arrays.get("vectors")
            return cls(weights, arrays["rarity"], vectors)


def _counts(texts: Sequence[str]) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        analyzer="char_wb", ngram_range=NGRAMS, n_features=FEATURES, alternate_sign=False, norm=None
    )
    return vectorizer.transform(texts)


def _weighted(counts: Any, rarity: NDArray[np.float64]) -> Any:
    from sklearn.preprocessing import normalize

    weighted = counts.copy()
    weighted.data = (1 + np.log(weighted.data)) * rarity[weighted.indices]
    return normalize(weighted, copy=False)
