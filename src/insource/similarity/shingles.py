"""Represent a text as the set of its overlapping pieces, hashed, for near-duplicate search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.similarity.normal_text import normalised

Hashes = NDArray[np.uint64]

SHINGLE = 5
HASH_BITS = 44
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd (Knuth, TAOCP 3, section 6.4)


class Shingles(NamedTuple):
    """Hashes below ``2**HASH_BITS`` of ``len(starts) - 1`` texts; text i has ``starts[i]:starts[i + 1]``."""

    hashes: Hashes
    starts: NDArray[np.int64]


def prepared(text: str) -> str:
    """Return the normalised text with a space at both ends, so that first and last words weigh in."""
    return f" {normalised(text)} ".ljust(SHINGLE)


def shingles(texts: Sequence[str]) -> Shingles:
    """Return every run of ``SHINGLE`` characters of each ``prepared`` text, repeats included."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    hashes = np.zeros(max(len(codes) - SHINGLE + 1, 0), np.uint64)
    for place in range(SHINGLE):
        hashes *= _FACTOR
        hashes += codes[place : place + len(hashes)]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _FACTOR
    hashes ^= hashes >> np.uint64(29)
    hashes >>= np.uint64(64 - HASH_BITS)
    within = np.ones(len(codes), np.bool_)
    ends = np.cumsum(lengths)
    for place in range(1, SHINGLE):
        within[ends - place] = False  # a run that would reach into the next text
    starts = np.concatenate(([0], np.cumsum(lengths - SHINGLE + 1)))
    return Shingles(hashes[within[: len(hashes)]], starts)


def distinct(pieces: Shingles) -> Shingles:
    """Return the hashes as sorted sets, without repeats. At most ``2**(64 - HASH_BITS)`` texts at a time."""
    count = len(pieces.starts) - 1
    keys = _owners(np.diff(pieces.starts)) | pieces.hashes
    keys.sort()
    first = np.ones(len(keys), np.bool_)
    first[1:] = keys[1:] != keys[:-1]
    keys = keys[first]
    sizes = np.bincount((keys >> np.uint64(HASH_BITS)).astype(np.int64), minlength=count)
    mask = np.uint64(2**HASH_BITS - 1)
    return Shingles(keys & mask, np.concatenate(([0], np.cumsum(sizes))))


def jaccard(sets: Shingles, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shared over all shingles of each pair (Jaccard, 1912), for indexes into ``distinct`` sets.

    Exact but for collisions of hashes of 44 bits. At most ``2**(64 - HASH_BITS)`` pairs at a time.
    """
    sizes = np.diff(sets.starts)
    keys = np.concatenate([_owners(sizes[side]) | _gathered(sets, side) for side in (first, second)])
    keys.sort()
    shared = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(HASH_BITS)
    common = np.bincount(shared.astype(np.int64), minlength=len(first))
    return np.asarray(common / (sizes[first] + sizes[second] - common), np.float64)


def _owners(sizes: NDArray[np.int64]) -> Hashes:
    """Return the place of each run's owner in the high bits, once for each of its hashes."""
    places = np.arange(len(sizes), dtype=np.uint64)
    return np.repeat(places << np.uint64(HASH_BITS), sizes)


def _gathered(sets: Shingles, texts: NDArray[np.int64]) -> Hashes:
    sizes = np.diff(sets.starts)[texts]
    ends = np.cumsum(sizes)
    offsets = np.repeat(sets.starts[:-1][texts] - (ends - sizes), sizes)
    gathered: Hashes = sets.hashes[np.arange(len(offsets)) + offsets]
    return gathered
