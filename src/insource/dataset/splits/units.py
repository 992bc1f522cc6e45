"""Form units, the rows that stay together, and choose a split for each unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from insource.dataset.splits.keys import NONE, Keys, RowKeys
from insource.dataset.splits.stored import Stored
from insource.foundation import rng
from insource.types import SPLITS

Indexes = NDArray[np.int64]
# 2^64 / φ. Any constant would do that keeps the two kinds of digests apart.
_LONE = np.uint64(0x9E3779B97F4A7C15)


class SplitUnits(NamedTuple):
    """The units of some rows, as arrays with one value a unit, ``of_row`` with one a row.

    ``key`` is the smallest digest that the unit goes by, ``size`` its rows. ``split`` is where it has to go:
    it is stored there, or a row of it is a duplicate of one that is; -1 when it is to be drawn.
    """

    of_row: Indexes
    key: Keys
    size: Indexes
    split: NDArray[np.int8]


def lone(record: Keys) -> Keys:
    """Return the units of inputs that have nothing to stay with; never the digest of the input itself."""
    return record ^ _LONE


def late_groups(rows: Indexes, keys: RowKeys, stored: Stored, *, new: bool) -> tuple[Stored, Keys]:
    """Units where inputs were stored one by one: those inputs, and whole groups of all other rows.

    A group joins the split of its rows that were stored so. When these are in several, its other rows are
    units of their inputs, too; so are those of a group that is not stored at all, unless ``new``.

    Returns:
        What is stored, with the split of each group that joins one, and the unit digest of each row.
    """
    names, of = np.unique(keys.group[rows], return_inverse=True)
    alone = stored.of(lone(keys.record[rows]))
    # The first and the last split in which rows of each group are stored one by one: equal when there is one,
    # and low > high when there is none. ``ufunc.at``, because indexed assignment keeps only one of the values
    # that go to the same group.
    low, high = np.full(len(names), len(SPLITS), np.int8), np.full(len(names), NONE, np.int8)
    np.minimum.at(low, of, np.where(alone == NONE, np.int8(len(SPLITS)), alone))
    np.maximum.at(high, of, alone)
    # The group 0 is that of the rows without a group.
    known, grouped = stored.of(names) != NONE, names != 0
    joining = grouped & ~known & (low == high)
    whole = grouped & (known | joining | (new & (high == NONE)))
    new_input = stored.of(lone(keys.record)) == NONE
    own = np.isin(keys.group, names[whole]) & new_input
    key = np.where(own, keys.group, lone(keys.record))
    # A row beside the groups that says the same as one in a group goes with it: else its input would be
    # stored as a unit of its own, and the group parted at the next build.
    # Sorted by input, then by group (the last key of lexsort comes first): ``first`` is the smallest group
    # of each input, in whatever order the rows came.
    order = np.lexsort((keys.group[own], keys.record[own]))
    inputs, first = np.unique(keys.record[own][order], return_index=True)
    twin = ~own & new_input & np.isin(keys.record, inputs)
    key[twin] = keys.group[own][order][first][np.searchsorted(inputs, keys.record[twin])]
    return stored.plus(names[joining], high[joining]), key


def units_of(rows: Indexes, unit: Keys, keys: RowKeys, stored: Stored, links: Keys) -> SplitUnits:
    """Units of the rows at ``rows``, whose ``unit`` digests are equal within a unit.

    A row without a group is a unit of its input; near-duplicates (``links`` of inputs) among such new ones
    are one unit, so that none of them has to be dropped. A new unit joins the split of the stored rows
    that it duplicates, the one that judges when there are several.
    """
    own = unit[rows]
    names, of_row = np.unique(own, return_inverse=True)
    known = stored.of(names)
    # A link joins two units only when both are single inputs that are not stored: a stored one keeps its
    # split, and ``wish`` below takes its duplicates there.
    joined = lone(links)
    joined = joined[(stored.of(joined.ravel()).reshape(-1, 2) == NONE).all(axis=1)]
    joined = joined[np.isin(joined, names).all(axis=1)]
    # Being nearly equal is not transitive, so a unit is a connected component of the links.
    graph = np.searchsorted(names, joined)
    count, whole = connected_components(
        coo_array((np.ones(len(graph)), (graph[:, 0], graph[:, 1])), shape=(len(names), len(names))),
        directed=False,
    )
    of_row = whole[of_row].astype(np.int64)
    split = np.full(count, NONE, np.int8)
    np.maximum.at(split, whole, known)
    # SPLITS end with test: where duplicates are stored in several splits, the maximum is the one that judges.
    wish = np.full(count, NONE, np.int8)
    np.maximum.at(wish, of_row, _recorded(keys.record[rows], stored, links))
    # The smallest digest of a component names it, so that the name does not depend on the order of rows.
    key = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(key, whole, names)
    return SplitUnits(of_row, key, np.bincount(of_row, minlength=count), np.where(split == NONE, wish, split))


def _recorded(record: Keys, stored: Stored, links: Keys) -> NDArray[np.int8]:
    """Return the stored split of each input or of one it is linked to; a judging split comes first."""
    names, of = np.unique(record, return_inverse=True)
    found = stored.of(names)
    for one, other in ((0, 1), (1, 0)):  # a link is stored once, and holds in both directions
        here = np.isin(links[:, one], names)
        np.maximum.at(found, np.searchsorted(names, links[here, one]), stored.of(links[here, other]))
    return found[of]


def in_random_order(units: SplitUnits, stratum: Keys, seed: int) -> Indexes:
    """Return the units to draw, in an order that depends on the units and the seed alone.

    Any stretch of it holds about the same share of every label: units are ordered by their relative rank
    among those of the same label, which for a label of few units starts at a random place.
    """
    salt = rng.generator(seed, "dataset.split").integers(2**64, dtype=np.uint64)
    draw = _mixed(units.key ^ salt)
    label = _majority(units, stratum)
    todo = np.flatnonzero(units.split == NONE)
    todo = todo[np.lexsort((units.key[todo], draw[todo], label[todo]))]
    # ``todo`` is sorted by label and, within one, at random. The place within the label, divided by the size
    # of the label, interleaves the labels in proportion. The random offset is for rare labels: without it,
    # all labels of one unit would come first, and the first split to be filled would get them.
    _, first, of, counts = np.unique(label[todo], return_index=True, return_inverse=True, return_counts=True)
    # Without an offset the first unit of every label would have rank 0, and rare labels would all be test.
    offset = _mixed(label[todo] ^ salt) / 2.0**64
    rank = (np.arange(len(todo)) - first[of] + offset) / counts[of]
    return todo[np.lexsort((draw[todo], rank))]


def newest_first(units: SplitUnits, time: NDArray[np.int64], seed: int) -> Indexes:
    """Return the units to draw by their newest row, the newest unit first, ties by a draw."""
    salt = rng.generator(seed, "dataset.split").integers(2**64, dtype=np.uint64)
    newest = np.full(len(units.size), np.iinfo(np.int64).min)
    np.maximum.at(newest, units.of_row, time)
    todo = np.flatnonzero(units.split == NONE)
    # ~x is -x - 1: it sorts downwards, and unlike -x it has no overflow at the smallest integer (no time).
    return todo[np.lexsort((_mixed(units.key[todo] ^ salt), ~newest[todo]))]


def filled(
    units: SplitUnits, order: Indexes, wanted: Mapping[int, int], *, in_blocks: bool
) -> NDArray[np.int8]:
    """Return the split of each unit: its fixed one, or one drawn until each split has ``wanted`` rows.

    A unit goes to the first split that it brings closer to its size, and to train when there is none. With
    ``in_blocks`` a split that a unit was too large for is closed, and gets at least one unit.
    """
    # Units to draw stand in train until a split takes them, so their rows do not count as train's yet.
    split = units.split.copy()
    split[order] = 0
    # Rows that each split has without the units to draw, which count as training until they are drawn.
    have = np.bincount(split[split != NONE], weights=units.size[split != NONE], minlength=len(SPLITS))
    have -= np.bincount(split[order], weights=units.size[order], minlength=len(SPLITS))
    room = {target: size - int(have[target]) for target, size in wanted.items()}
    taken = dict.fromkeys(room, 0)
    for unit in order.tolist():
        if not room:
            break
        size = int(units.size[unit])
        for target in list(room):
            if room[target] <= 0:
                del room[target]
            # size - room <= room: with the unit the split is at least as close to its size as without it.
            elif 2 * room[target] >= size or (in_blocks and not taken[target]):
                split[unit] = target
                room[target] -= size
                taken[target] += 1
                break
            elif in_blocks:
                del room[target]
    return split


def _majority(units: SplitUnits, stratum: Keys) -> Keys:
    """The most common label among the rows of each unit."""
    # Runs of equal (unit, label) pairs in sorted order are counted, then sorted by unit and falling count.
    # Ties go to the smallest label, so that the order of rows does not matter.
    by = np.lexsort((stratum, units.of_row))
    pairs = np.stack([units.of_row[by].astype(np.uint64), stratum[by]])
    start = np.flatnonzero(np.r_[True, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)])
    count = np.diff(np.r_[start, len(by)])
    unit, label = units.of_row[by][start], stratum[by][start]
    best = np.lexsort((label, -count, unit))
    found = np.zeros(len(units.size), np.uint64)
    found[unit[best][::-1]] = label[best][::-1]  # the first of each unit is written last
    return found


def _mixed(keys: Keys) -> Keys:
    """Return each key through the finaliser of SplitMix64 (Steele et al. 2014): random to sort by."""
    found = keys.copy()
    with np.errstate(over="ignore"):  # the products are meant modulo 2^64
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))
