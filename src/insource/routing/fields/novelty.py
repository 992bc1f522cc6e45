"""How much of a document is unlike the training documents: the share of its character sequences they lack."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from insource.types import Frozen

WIDTH = 5
BUCKETS = 2**18
_ANY_DIGIT = str.maketrans("123456789", "000000000")
_FACTORS = np.array([pow(0x9E3779B1, power, 2**32) for power in range(1, WIDTH + 1)], dtype=np.uint32)


class KnownText(Frozen):
    """The hashed character sequences of the training documents, one bit a bucket, in base64.

    A digit counts as any digit: a new serial number is no new kind of document. The bits do not give the
    texts back, but tell for a guessed sequence whether it probably occurred.
    """

    width: int = WIDTH
    bits: str

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return np.unpackbits(np.frombuffer(base64.b64decode(self.bits), dtype=np.uint8)).astype(bool)

    def novelty(self, document: str) -> float:
        """Return the share of a document's sequences that no training document has, between 0 and 1."""
        found = sequences(document)
        return float((~self._known[found]).mean()) if len(found) else 0.0


def sequences(document: str) -> NDArray[np.intp]:
    """Return the buckets of the different sequences of ``WIDTH`` bytes in a text, in rising order."""
    text = np.frombuffer(document.translate(_ANY_DIGIT).lower().encode(), dtype=np.uint8)
    if len(text) < WIDTH:
        return np.empty(0, dtype=np.intp)
    windows = np.lib.stride_tricks.sliding_window_view(text, WIDTH).astype(np.uint32)
    mixed = (windows * _FACTORS).sum(axis=1, dtype=np.uint32)
    return np.unique((mixed ^ (mixed >> 15)) % BUCKETS).astype(np.intp)


def known_text(documents: Sequence[str]) -> KnownText:
    """Return what the documents have between them."""
    known = np.zeros(BUCKETS, dtype=bool)
    for document in documents:
        known[sequences(document)] = True
    return KnownText(bits=base64.b64encode(np.packbits(known).tobytes()).decode())
