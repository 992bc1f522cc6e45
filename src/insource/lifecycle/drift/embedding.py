"""Texts as points: hashed TF-IDF of character n-grams, or sentence vectors, reduced to 64 dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHARACTERS = 4_000
"""Of each text, only its beginning is read: a long document must not take seconds."""

DIMENSIONS = 64
_HASHES = 2**16


def reduced(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    """Return sentence vectors of shape ``(n, d)`` by their 64 main directions."""
    from sklearn.decomposition import TruncatedSVD

    centred = np.asarray(vectors, dtype=np.float64) - vectors.mean(axis=0)
    components = min(DIMENSIONS, *(size - 1 for size in centred.shape))
    if components < 1 or not centred.any():
        return np.zeros((len(vectors), 1))
    points: NDArray[np.float64] = TruncatedSVD(components, n_iter=2, random_state=seed).fit_transform(centred)
    return points


def embedded(texts: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Return one row a text, shape ``(n, k)`` with k <= 64; the texts alone make the axes, not their labels.

    Source: character n-grams of 3 and 4 within words, hashed to 2^16 columns, sublinear TF-IDF, randomised
    SVD (Halko et al. 2011) by scikit-learn.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    hashed = HashingVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), n_features=_HASHES, alternate_sign=False, norm=None
    ).transform(text[:CHARACTERS] for text in texts)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(hashed)
    if len(texts) < 2 or weighted.nnz == 0:
        return np.zeros((len(texts), 1))
    weighted = weighted[:, np.unique(weighted.indices)]  # columns that no text has only cost time
    components = min(DIMENSIONS, *(size - 1 for size in weighted.shape))
    if components < 1:
        return np.zeros((len(texts), 1))
    with np.errstate(divide="ignore", invalid="ignore"):  # the share of variance of equal texts is 0 / 0
        points = TruncatedSVD(components, n_iter=2, random_state=seed).fit_transform(weighted)
    return np.asarray(points, dtype=np.float64)
