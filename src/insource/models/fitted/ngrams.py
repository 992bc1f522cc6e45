"""Texts as sparse vectors: TF-IDF weights of word and character n-grams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

WORD = re.compile(r"\w+|[^\w\s\ud800-\udfff]")  # no lone surrogate: it is no character, and no file takes it
CHARACTERS = (2, 5)
# A longer text is read up to here, so that no document takes a second.
MAX_CHARACTERS = 50_000


def ngrams(text: str) -> list[str]:
    """Return the n-grams of a text: 1 and 2 words, and 2 to 5 characters of a word between two spaces.

    Case is folded. Word n-grams begin with a tab, which tells them from character n-grams. A text without
    words has a tab alone.
    """
    words = WORD.findall(text[:MAX_CHARACTERS].casefold())
    found = ["\t" + word for word in words]
    found += [f"\t{first} {second}" for first, second in pairwise(words)]
    for word in words:
        padded = f" {word} "
        length = len(padded)
        for size in range(CHARACTERS[0], min(CHARACTERS[1], length) + 1):
            found += [padded[start : start + size] for start in range(length - size + 1)]
    return found or ["\t"]


class Ngrams:
    """A fitted vocabulary. ``idf`` has the inverse document frequency of each n-gram, shape (features,)."""

    def __init__(self, vocabulary: Sequence[str], idf: Floats) -> None:
        self.vocabulary = tuple(vocabulary)
        self.idf = idf
        self._column = {ngram: column for column, ngram in enumerate(self.vocabulary)}

    def weigh(self, text: str) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the columns and weights of a text's known n-grams: (1 + ln count) · idf, of length 1.

        The formula is that of scikit-learn's ``TfidfTransformer(sublinear_tf=True)``.
        """
        counts = Counter(ngrams(text))
        known = [
            (column, n) for ngram, n in counts.items() if (column := self._column.get(ngram)) is not None
        ]
        known.sort()
        columns = np.array([column for column, _ in known], dtype=np.intp)
        weights = (1 + np.log(np.array([n for _, n in known], dtype=np.float32))) * self.idf[columns]
        length = float(np.linalg.norm(weights))
        return columns, weights / length if length else weights
