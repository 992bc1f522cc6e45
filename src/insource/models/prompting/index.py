"""Indices of texts: the nearest by character n-grams, or by sentence embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from insource.models.arrays import read_arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to vectors of length 1, one row a text."""

FEATURES = 2**18
# Measured on 60 documents of the demo's layouts with 480 training rows: the nearest row has the same layout
# for 85 %; 82 % with (3, 5), 58 % with BM25 over words.
NGRAMS = (2, 4)
# Cormack, Clarke and Büttcher (2009), "Reciprocal Rank Fusion outperforms Condorcet".


class TextIndex(Protocol):
    """Texts that can be compared with one another and with a new one."""

    def similarities(self, text: str) -> NDArray[np.float64]:
        """Return the cosine of ``text`` with each text of the index."""
        ...

    def between(self) -> NDArray[np.float64]:
        """Return the cosines of all texts with all texts (texts × texts)."""
        ...

    def save(self, path: Path) -> None:
        """Write the arrays as ``.npz``."""
        ...


class CharacterIndex:
    """Texts by their character n-grams, weighted by rarity (TF-IDF).

    N-grams are hashed, so an index is four arrays and no vocabulary.
    """

    def __init__(self, weights: Any, rarity: NDArray[np.float64]) -> None:
        self._weights = weights
        self._rarity = rarity

    @classmethod
    def of(cls, texts: Sequence[str]) -> CharacterIndex:
        """Index these texts."""
        counts = _counts(texts)
        present = np.bincount(counts.indices, minlength=FEATURES)
        # As scikit-learn's TfidfTransformer with smooth_idf.
        rarity = np.log((1 + len(texts)) / (1 + present)) + 1
        return cls(_weighted(counts, rarity), rarity)

    def similarities(self, text: str) -> NDArray[np.float64]:
        found = self._weights @ _weighted(_counts([text]), self._rarity).T
        return np.asarray(found.toarray(), dtype=float).ravel()

    def between(self) -> NDArray[np.float64]:
        return np.asarray((self._weights @ self._weights.T).toarray(), dtype=float)

    def save(self, path: Path) -> None:
        np.savez_compressed(
            path,
            data=self._weights.data,
            indices=self._weights.indices,
            indptr=self._weights.indptr,
            rarity=self._rarity,
        )


class EmbeddingIndex:
    """Texts by their sentence embeddings (texts × dimensions), each of length 1."""

    def __init__(self, vectors: NDArray[np.float32], embed: Embed) -> None:
        self._vectors = vectors
        self._embed = embed

    @classmethod
    def of(cls, texts: Sequence[str], embed: Embed) -> EmbeddingIndex:
        """Index these texts."""
        return cls(embed(texts), embed)

    def similarities(self, text: str) -> NDArray[np.float64]:
        return np.asarray(self._vectors @ self._embed([text])[0], dtype=float)

    def between(self) -> NDArray[np.float64]:
        return np.asarray(self._vectors @ self._vectors.T, dtype=float)

    def save(self, path: Path) -> None:
        np.savez_compressed(path, vectors=self._vectors)


def load_index(path: Path) -> TextIndex:
    """Read what ``save`` wrote. Nothing in the file is code.

    Raises:
        KeyError, TypeError, and as ``read_arrays``: the file is missing or damaged.
    """
    from scipy.sparse import csr_matrix

    arrays = read_arrays(path)
    if "vectors" in arrays:
        return EmbeddingIndex(arrays["vectors"], sentence_embeddings)
    parts = (arrays["data"], arrays["indices"], arrays["indptr"])
    weights = csr_matrix(parts, shape=(len(arrays["indptr"]) - 1, FEATURES))
    return CharacterIndex(weights, arrays["rarity"])


def sentence_embeddings(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the vectors of the extra ``embeddings``; loaded when the first text is embedded.

    Raises:
        PrerequisiteError: ``missing-extra`` or ``model-unavailable``.
    """
    from insource.models.embeddings.minilm import embed

    return embed(texts)


def nearest(indices: Sequence[TextIndex], text: str) -> list[int]:
    """Return all places, the most similar text first; several indices name theirs in turn.

    The first index names the first place: characters find what is called alike, such as a part number,
    where embeddings see no difference.
    """
    orders = [np.argsort(-index.similarities(text), kind="stable") for index in indices]
    in_turn = np.stack(orders, axis=1).ravel() if orders else np.empty(0, dtype=np.int64)
    return list(dict.fromkeys(in_turn.tolist()))


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
