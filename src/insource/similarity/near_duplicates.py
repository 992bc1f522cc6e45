"""Find near-duplicate texts without comparing every pair, and verify each pair exactly.

For others:

- ``find_near_duplicates(texts, threshold=…, kinds=…, seed=…, folder=…)`` reads any iterable of texts once
  and gives a ``NearDuplicates``: the verified pairs, who would be kept, the borderline.
- ``near_duplicate_groups(texts, …)`` gives a group number for each text, for splits: texts of one group
  are linked by near-duplicates, and none of them is a near-duplicate of a text in another group.
- ``nearest(texts, reference, …)`` gives for each text its nearest near-duplicate in ``reference``, or None:
  "is this a near-duplicate of the test set?".

Similarity is the exact Jaccard similarity of the sets of 5-character shingles of the evened-out texts
(``shingles.py``). Pairs are proposed by MinHash bands (``minhash.py``), which miss about 2 in 100 pairs at
the threshold itself and ever fewer above it; what is reported is never an estimate.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.foundation import rng
from insource.similarity.minhash import SLOTS, Bands, Indexes, band_keys, bands_for, sharing, signatures
from insource.similarity.shingles import distinct, jaccard, prepared, shingles

THRESHOLD = 0.8
BATCH_TEXTS = 500
BATCH_CHARACTERS = 1_000_000
_BIG_TEXT = 4_000_000


class Pair(NamedTuple):
    """Two texts by their places, ``first < second``, and their Jaccard similarity."""

    first: int
    second: int
    similarity: float


@dataclass(frozen=True)
class NearDuplicates:
    """The pairs of ``count`` texts whose similarity reaches ``threshold``, sorted by place.

    ``first_equal`` is for each text the place of the first text that is equal to it when evened out (and of
    its kind, when kinds were given): only such first ones are in pairs. ``crowded`` counts the texts that
    share a band with more others than are all compared; what they have in common shows in pairs with the
    leaders of the crowd.
    """

    count: int
    threshold: float
    first_equal: Indexes
    first: Indexes
    second: Indexes
    similarity: NDArray[np.float64]
    crowded: int = 0

    def __len__(self) -> int:
        return len(self.first)

    def at(self, threshold: float) -> NearDuplicates:
        """Return the pairs at a higher threshold, without a new search.

        Raises:
            ValueError: the threshold is below that of the search.
        """
        if threshold < self.threshold:
            raise ValueError(f"pairs below {self.threshold} were not looked for")
        return replace(self._where(self.similarity >= threshold), threshold=threshold)

    def of_one_kind(self, kinds: NDArray[np.int64], *, same: bool = True) -> NearDuplicates:
        """Return the pairs whose texts have the same kind, or with ``same=False`` those that have not."""
        return self._where((kinds[self.first] == kinds[self.second]) == same)

    def repeats(self, ranks: NDArray[np.int64] | None = None) -> dict[int, Pair]:
        """Return the texts to leave out, each with its pair with the most similar text that stays.

        Taken in order, or the greatest first when ``ranks`` are given (the greatest of equal texts counts): a
        text stays unless it is equal to, or a near-duplicate of, one that already stays. So every text left
        out has its like among the rest.
        """
        neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
        columns = (self.first.tolist(), self.second.tolist(), self.similarity.tolist())
        for first, second, similarity in zip(*columns, strict=True):
            neighbours[first].append((second, similarity))
            neighbours[second].append((first, similarity))
        rank = np.zeros(self.count, np.int64)
        if ranks is not None:
            np.maximum.at(rank, self.first_equal, ranks)
        kept: set[int] = set()
        found: dict[int, Pair] = {}
        for place in sorted(neighbours, key=lambda place: (-rank[place], place)):
            likes = [(similarity, -other) for other, similarity in neighbours[place] if other in kept]
            if likes:
                similarity, other = max(likes)
                found[place] = _pair(place, -other, similarity)
            else:
                kept.add(place)
        for place in np.flatnonzero(self.first_equal != np.arange(self.count)).tolist():
            equal = int(self.first_equal[place])
            gone = found.get(equal)
            stays = equal if gone is None else gone.first if gone.second == equal else gone.second
            found[place] = _pair(place, stays, 1.0 if gone is None else gone.similarity)
        return found

    def groups(self) -> Indexes:
        """Return the group of each text: the place of its first member, linked by any number of pairs."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends = (np.r_[self.first, np.arange(self.count)], np.r_[self.second, self.first_equal])
        links = np.ones(len(self) + self.count, np.bool_)
        graph = coo_array((links, ends), shape=(self.count, self.count))
        _, labels = connected_components(graph, directed=False)
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        return np.asarray(first[inverse], np.int64)

    def least_similar(self, count: int = 10) -> tuple[Pair, ...]:
        """Return the borderline: the pairs nearest to the threshold, the least similar first."""
        chosen = np.lexsort((self.second, self.first, self.similarity))[:count]
        columns = (self.first[chosen], self.second[chosen], self.similarity[chosen])
        return tuple(Pair(*row) for row in zip(*(column.tolist() for column in columns), strict=True))

    def below(self, similarity: float) -> NearDuplicates:
        """Return the pairs that are less similar than this."""
        return self._where(self.similarity < similarity)

    def _where(self, mask: NDArray[np.bool_]) -> NearDuplicates:
        return replace(
            self, first=self.first[mask], second=self.second[mask], similarity=self.similarity[mask]
        )


def find_near_duplicates(
    texts: Iterable[str],
    *,
    threshold: float = THRESHOLD,
    kinds: Sequence[int] | NDArray[np.int64] | None = None,
    seed: int = 0,
    folder: Path | None = None,
) -> NearDuplicates:
    """Return the near-duplicates among ``texts``, which are read once, a batch at a time.

    In memory is less than 1 kB a text at the default threshold, whatever its length; the texts wait in
    an unnamed file in ``folder`` (the system's temporary folder when None). The same texts in another
    order give the same pairs, but for some among crowds.

    Args:
        threshold: Jaccard similarity from which two texts are near-duplicates, in (0, 1].
        kinds: a number for each text; in a crowd up to 32 of one kind are all compared. May be filled
            while ``texts`` is read.
    """
    bands = bands_for(threshold)
    with tempfile.TemporaryFile(dir=folder) as file:
        sketched = _sketch(texts, bands, rng.derived_seed(seed, "dataset.near-duplicates"), file)
        count = len(sketched.digests)
        of_kind = np.zeros(count, np.int64) if kinds is None else np.asarray(kinds, np.int64)
        units = _Units(sketched, of_kind)
        search = _Search(units, threshold, file)
        first, second, similarity, crowded = search.run()
    first, second = units.first[first], units.first[second]
    low, high = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((high, low))
    return NearDuplicates(
        count=count,
        threshold=threshold,
        first_equal=units.first[units.unit_of],
        first=low[order],
        second=high[order],
        similarity=similarity[order],
        crowded=crowded,
    )


def near_duplicate_groups(
    texts: Iterable[str], *, threshold: float = THRESHOLD, seed: int = 0, folder: Path | None = None
) -> Indexes:
    """Return a group number for each text: the place of the first text linked to it by near-duplicates."""
    return find_near_duplicates(texts, threshold=threshold, seed=seed, folder=folder).groups()


def nearest(
    texts: Sequence[str], reference: Sequence[str], *, threshold: float = THRESHOLD, seed: int = 0
) -> tuple[Pair | None, ...]:
    """For each text the most similar text of ``reference``, if one is a near-duplicate.

    A pair's ``first`` is the place in ``reference``, its ``second`` the place in ``texts``.
    """
    kinds = np.repeat([0, 1], [len(reference), len(texts)])
    found = find_near_duplicates([*reference, *texts], threshold=threshold, kinds=kinds, seed=seed)
    best: dict[int, Pair] = {}
    across = found.of_one_kind(kinds, same=False)
    columns = (across.first.tolist(), across.second.tolist(), across.similarity.tolist())
    for at, other, similarity in zip(*columns, strict=True):
        if other not in best or similarity > best[other].similarity:
            best[other] = Pair(at, other, similarity)
    originals = (best.get(place) for place in found.first_equal[len(reference) :].tolist())
    return tuple(pair and pair._replace(second=at) for at, pair in enumerate(originals))


def _pair(place: int, other: int, similarity: float) -> Pair:
    return Pair(min(place, other), max(place, other), similarity)


class _Sketches(NamedTuple):
    keys: list[NDArray[np.uint64]]
    low_bytes: list[NDArray[np.uint8]]
    digests: NDArray[np.uint64]
    offsets: Indexes


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in map(prepared, texts):
        batch.append(text)
        characters += len(text)
        if len(batch) == BATCH_TEXTS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _sketch(texts: Iterable[str], bands: Bands, seed: int, file: BinaryIO) -> _Sketches:
    keys, low_bytes, lengths, digests = [], [], [], []
    for batch in _batches(texts):
        signature = signatures(shingles(batch), seed)
        keys.append(band_keys(signature, bands))
        low_bytes.append(signature.astype(np.uint8))
        encoded = [text.encode("utf-8", "surrogatepass") for text in batch]
        file.writelines(encoded)
        lengths.append(np.fromiter(map(len, encoded), np.int64, len(batch)))
        digests.append(b"".join(blake2b(raw, digest_size=8).digest() for raw in encoded))
    offsets = np.concatenate(([0], np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths]))))
    return _Sketches(keys, low_bytes, np.frombuffer(b"".join(digests), np.uint64), offsets)


class _Units:
    """The distinct texts of each kind, in an order that depends on what they are, not where they stand."""

    def __init__(self, sketched: _Sketches, kinds: NDArray[np.int64]) -> None:
        # One number for text and kind, so that equal texts of one kind are searched once.
        same = sketched.digests ^ (kinds.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        _, first, unit_of = np.unique(same, return_index=True, return_inverse=True)
        self.first = np.asarray(first, np.int64)
        self.unit_of = np.asarray(unit_of, np.int64)
        self.kinds = kinds[first]
        self.begins = sketched.offsets[:-1][first]
        self.ends = sketched.offsets[1:][first]
        bands = len(sketched.keys[0]) if sketched.keys else 0
        self.keys = np.empty((bands, len(first)), np.uint64)
        for band in range(bands):
            self.keys[band] = np.concatenate([block[band] for block in sketched.keys])[first]
        sketched.keys.clear()  # a million texts' keys need not be in memory twice
        blocks = sketched.low_bytes or [np.empty((0, SLOTS), np.uint8)]
        self.low_bytes = np.concatenate(blocks)[first]
        sketched.low_bytes.clear()


class _Search:
    """Band by band: proposed pairs, thinned by their signatures, verified on their texts."""

    def __init__(self, units: _Units, threshold: float, file: BinaryIO) -> None:
        self._units = units
        self._threshold = threshold
        self._file = file
        # 4.5 standard deviations of the estimate below the threshold: 1 pair in 300,000 is lost here.
        self._floor = threshold - 4.5 * np.sqrt(threshold * (1 - threshold) / SLOTS)

    def run(self) -> tuple[Indexes, Indexes, NDArray[np.float64], int]:
        """Return pairs of units and their similarity; and how many units were crowded.

        Where there are crowds, the units that would stay are searched again until that finds nothing new:
        then no pair of one kind among those that stay was left out because they stood in a crowd.
        """
        count = len(self._units.first)
        alive, crowds, seen = np.arange(count), 0, np.empty(0, np.int64)
        found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
        while True:
            crowded, size = np.zeros(count, np.bool_), sum(len(one[0]) for one in found)
            for together in sharing(self._units.keys, self._units.kinds, alive):
                crowded[together.crowded] = True
                # Crowds meet in band after band, round after round: each of their pairs is verified once.
                pairs = together.first * count + together.second
                starred = np.isin(together.first, together.crowded)
                new = ~starred | ~np.isin(pairs, seen)
                seen = np.union1d(seen, pairs[starred])
                found.append(self._verified(together.first[new], together.second[new]))
            crowds = max(crowds, int(crowded.sum()))
            first, second, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
            # The same pair may come from several bands and rounds: it counts once.
            both, unique = np.unique(np.stack([first, second]), axis=1, return_index=True)
            found = [(both[0], both[1], similarity[unique])]
            if not crowds or len(both[0]) == size:
                return both[0], both[1], similarity[unique], crowds
            alive = self._staying(both)

    def _staying(self, pairs: NDArray[np.int64]) -> Indexes:
        """Return the units that stay when they are taken in the order of their texts, as in ``repeats``."""
        order = np.argsort(self._units.first)
        rank = np.argsort(order)  # the inverse permutation: the place of each unit in that order
        first, second, count = rank[pairs[0]], rank[pairs[1]], len(order)
        equal, reached = np.arange(count), np.ones(pairs.shape[1])
        found = NearDuplicates(count, self._threshold, equal, first, second, reached)
        gone = np.fromiter(found.of_one_kind(self._units.kinds[order]).repeats(), np.int64)
        return np.setdiff1d(order, order[gone], assume_unique=True)

    def _verified(self, first: Indexes, second: Indexes) -> tuple[Indexes, Indexes, NDArray[np.float64]]:
        # Most proposed pairs are not similar enough. The low bytes of the signatures tell that without the
        # texts, in blocks of pairs so that memory stays bounded.
        low = self._units.low_bytes
        likely = [
            at
            + np.flatnonzero(
                _estimate(low[first[at : at + 65536]], low[second[at : at + 65536]]) >= self._floor
            )
            for at in range(0, len(first), 65536)
        ]
        chosen = np.concatenate([np.empty(0, np.int64), *likely])
        first, second = first[chosen], second[chosen]
        order = np.argsort(first, kind="stable")  # so that a text is read and cut once for all its pairs
        first, second = first[order], second[order]
        exact = np.concatenate([np.empty(0), *self._exact(first, second)])
        reached = exact >= self._threshold
        return first[reached], second[reached], exact[reached]

    def _exact(self, first: Indexes, second: Indexes) -> Iterator[NDArray[np.float64]]:
        sizes = self._units.ends - self._units.begins
        # Blocks of pairs with about as many bytes of text each, so that memory stays bounded.
        load = np.cumsum(sizes[first] + sizes[second]) // _BIG_TEXT
        for at in np.split(np.arange(len(first)), np.flatnonzero(np.diff(load)) + 1) if len(first) else ():
            units, places = np.unique(np.stack([first[at], second[at]]), return_inverse=True)
            places = places.reshape(2, -1)
            texts = [self._text(unit) for unit in units.tolist()]
            yield jaccard(distinct(shingles(texts)), places[0], places[1])

    def _text(self, unit: int) -> str:
        begin, end = int(self._units.begins[unit]), int(self._units.ends[unit])
        self._file.seek(begin)
        return self._file.read(end - begin).decode("utf-8", "surrogatepass")


def _estimate(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the Jaccard similarity as signatures cut to their low bytes estimate it (Li and König, 2010)."""
    agree = (first == second).mean(axis=1)  # 1 in 256 unequal slots agrees by chance in its low byte
    return np.asarray((agree - 1 / 256) / (1 - 1 / 256), np.float64)
