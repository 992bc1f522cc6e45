"""Propose near-duplicates: cut MinHash signatures into bands, and pair texts that share a band.

Source: Broder, *On the resemblance and containment of documents* (1997), for MinHash; Leskovec, Rajaraman
and Ullman, *Mining of Massive Datasets* (2014), section 3.4, for bands. The signatures are rensa's, after
Dahlgaard, Knudsen and Thorup, *Fast Similarity Sketching* (2017).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from insource.similarity.shingles import Shingles

Indexes = NDArray[np.int64]

SLOTS = 128
RECALL = 0.98
CROWD = 32
STAR = 8
_PACK = struct.Struct(f"{SLOTS}I").pack


class Bands(NamedTuple):
    """``number`` bands of ``width`` slots each; the slots left over are not banded."""

    number: int
    width: int

    def chance(self, similarity: float) -> float:
        """Return how likely two texts of this Jaccard similarity share a band."""
        return float(1 - (1 - similarity**self.width) ** self.number)


def bands_for(threshold: float) -> Bands:
    """Return the widest bands that still bring ``RECALL`` of the pairs at the threshold together."""
    choices = (Bands(SLOTS // width, width) for width in range(SLOTS, 0, -1))
    return next((bands for bands in choices if bands.chance(threshold) >= RECALL), Bands(SLOTS, 1))


def signatures(pieces: Shingles, seed: int) -> NDArray[np.uint32]:
    """Return the MinHash signature of each text, shape (texts, ``SLOTS``)."""
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        pieces.hashes, pieces.starts.astype(np.uint64), SLOTS, seed
    )
    packed = b"".join(_PACK(*row) for row in matrix.to_rows())
    return np.frombuffer(packed, np.uint32).reshape(-1, SLOTS)


def band_keys(signature: NDArray[np.uint32], bands: Bands) -> NDArray[np.uint64]:
    """Return a hash of each band, shape (bands, texts)."""
    cut = signature[:, : bands.number * bands.width].reshape(-1, bands.number, bands.width)
    keys = np.zeros(cut.shape[:2], np.uint64)
    for slot in range(bands.width):
        keys ^= cut[:, :, slot]
        keys *= np.uint64(0xFF51AFD7ED558CCD)  # MurmurHash3's finaliser
        keys ^= keys >> np.uint64(33)
    return np.ascontiguousarray(keys.T)


class Together(NamedTuple):
    """Pairs that share a band. ``crowded`` texts share it with so many that not all pairs are here."""

    first: Indexes
    second: Indexes
    crowded: Indexes


def sharing(keys: NDArray[np.uint64], kinds: NDArray[np.int64], alive: Indexes) -> Iterator[Together]:
    """Yield the pairs of ``alive`` texts that share a band, each in ``first < second``, band by band.

    Up to ``CROWD`` texts with one key are all paired, and so are up to ``CROWD`` of one kind within more of
    them. Else they are paired with the first ``STAR`` of their own kind and of all kinds, and with the one
    before: that keeps the number of pairs linear. A pair of a crowd may come again in another band.
    """
    done: list[NDArray[np.uint64]] = []
    for band in range(len(keys)):
        own = keys[band][alive]
        # Sorted, texts with the same key are neighbours: a group is a start and a size.
        order = np.argsort(own, kind="stable")
        starts = np.flatnonzero(np.r_[True, own[order][1:] != own[order][:-1]]) if len(own) else np.array([0])
        sizes = np.diff(np.r_[starts, len(own)])
        first, second = _all_pairs(order, starts, sizes)
        crowds = [order[starts[at] : starts[at] + sizes[at]] for at in np.flatnonzero(sizes > CROWD)]
        starred = [_star(crowd, kinds[alive[crowd]]) for crowd in crowds]
        first = np.concatenate([first, *(pair[0] for pair in starred)])
        second = np.concatenate([second, *(pair[1] for pair in starred)])
        # A pair that shares an earlier band was proposed there.
        new = np.ones(len(first), np.bool_)
        for earlier in done:
            new &= earlier[first] != earlier[second]
        crowded = np.concatenate([np.empty(0, np.int64), *crowds])
        # A key of its own for each crowded text: that band does not vouch for all of its pairs.
        own[crowded] = crowded.astype(np.uint64)
        done.append(own)
        yield Together(alive[first[new]], alive[second[new]], alive[crowded])


def _all_pairs(order: Indexes, starts: Indexes, sizes: Indexes) -> tuple[Indexes, Indexes]:
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    # All groups of one size at a time, as one matrix: there are few sizes and very many groups.
    for size in np.unique(sizes[(sizes > 1) & (sizes <= CROWD)]):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        left, right = np.triu_indices(size, 1)
        first.append(members[:, left].ravel())
        second.append(members[:, right].ravel())
    return np.concatenate(first), np.concatenate(second)


def _star(crowd: Indexes, kinds: NDArray[np.int64]) -> tuple[Indexes, Indexes]:
    # Sorted by kind, the first of a kind is at ``run``. A text that is its own partner is taken out below.
    by_kind = np.argsort(kinds, kind="stable")
    begins = np.flatnonzero(np.r_[True, np.diff(kinds[by_kind]) != 0])
    sizes = np.diff(np.r_[begins, len(crowd)])
    run = np.repeat(begins, sizes)
    places = np.arange(len(crowd))
    partners = [by_kind[np.minimum(run + step, places)] for step in range(STAR)]
    partners += [np.full(len(crowd), by_kind[begin]) for begin in begins[:STAR]]
    partners.append(by_kind[np.maximum(places - 1, 0)])
    whole = _all_pairs(by_kind, begins, sizes)
    left = crowd[np.concatenate([*partners, whole[0]])]
    right = crowd[np.concatenate([*[by_kind] * len(partners), whole[1]])]
    both = np.unique(np.stack([np.minimum(left, right), np.maximum(left, right)])[:, left != right], axis=1)
    return both[0], both[1]
