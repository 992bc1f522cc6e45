"""Split the rows of a build: read keys once, place units, drop leaks, report overlaps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.rows.staged import Staged
from insource.dataset.splits.assign import TRAIN, Assignment, Plan, assign_splits
from insource.dataset.splits.identifiers import Identifiers
from insource.dataset.splits.keys import NONE, Keys, RowKeys, read_keys
from insource.dataset.splits.leaks import Removal, removals
from insource.dataset.splits.overlaps import (
    identifier_overlap,
    near_overlap,
    record_overlaps,
    template_overlap,
)
from insource.dataset.splits.stored import Grouping, Ledger, Stored
from insource.dataset.splits.units import Indexes
from insource.similarity.minhash import sharing
from insource.similarity.near_duplicates import find_near_duplicates
from insource.types import SPLITS, Dropped, Overlap, Row, Split


def near_duplicates(rows: Staged, keys: RowKeys, seed: int) -> Indexes:
    """Return pairs of rows with nearly equal inputs (Jaccard 0.8 or more), as indexes of shape (m, 2).

    In a crowd, those with the same numbers, and those that only dates tell apart, come before all others.
    """
    texts = (row.input for row in rows)
    found = find_near_duplicates(texts, kinds=keys.numbers.view(np.int64), seed=seed, folder=rows.folder)
    equal = np.flatnonzero(found.first_equal != np.arange(found.count))
    _, distinct = np.unique(keys.record, return_index=True)
    (again,) = sharing(keys.undated[np.newaxis], np.zeros(found.count, np.int64), distinct)
    first = np.concatenate([found.first, found.first_equal[equal], again.first])
    return np.stack([first, np.concatenate([found.second, equal, again.second])], axis=1)


class Splitting(NamedTuple):
    """The split of each row that is left, by its place, and what was learned on the way.

    ``keys`` and ``splits`` are the assignments to keep: of every unit that was drawn, and of every input
    that is left of a drawn row or of one given for a split that judges. ``grouping`` is None when nothing
    was drawn.
    """

    places: NDArray[np.int8]
    reason: str
    notes: tuple[str, ...]
    overlaps: tuple[Overlap, ...]
    keys: Keys
    splits: NDArray[np.int8]
    grouping: Grouping | None

    def of(self, index: int) -> Split:
        """Return the split of the row at ``index`` of the rows that are left."""
        found: Split = SPLITS[self.places[index]]
        return found

    def keep(self, ledger: Ledger, dataset: str) -> None:
        """Store what was drawn or judges, as the dataset of that folder name has it."""
        ledger.prepare(dataset, self.keys, self.splits, self.grouping)


GONE = -2
"""The place of a row that is dropped because it would leak."""


class SplitKeys(NamedTuple):
    """What splitting needs to know of the rows; reading it is what takes the time.

    ``one`` are pairs of inputs that are one document, ``two`` pairs that are nearly equal and still two
    documents on one template: both as digests of ``RowKeys.record``, shape (m, 2).
    """

    rows: RowKeys
    identifiers: Identifiers
    one: Keys
    two: Keys


class Placed(NamedTuple):
    """Where every row goes, and which rows have to go because they would leak."""

    made: Assignment
    removed: dict[int, Removal]

    def places(self) -> NDArray[np.int8]:
        """Return the place in ``SPLITS`` of each row, ``GONE`` for a row that is dropped."""
        places = np.where(self.made.split == NONE, np.int8(TRAIN), self.made.split)
        places[np.fromiter(self.removed, np.int64, len(self.removed))] = GONE
        return places


def read_split_keys(work: Staged, seed: int, *, stratified: bool) -> SplitKeys:
    """Read the rows and find near-duplicates among them. ``stratified`` says that outputs are labels."""
    identifiers = Identifiers()
    keys = read_keys(work, stratified=stratified, identifiers=identifiers)
    near = near_duplicates(work, keys, seed)
    links = np.sort(keys.record[near], axis=1)
    same = (keys.numbers[near[:, 0]] == keys.numbers[near[:, 1]]) | (
        keys.undated[near[:, 0]] == keys.undated[near[:, 1]]
    )
    one, two = links[same & (links[:, 0] != links[:, 1])], links[~same]
    return SplitKeys(keys, identifiers, one, two)


def place_rows(keys: SplitKeys, plan: Plan, stored: Stored) -> Placed:
    """Assign every row to a split. A row that was given for a split that judges and has to go binds no other.

    Raises:
        UserError, DataError: of ``assign_splits``.
    """
    judges = (keys.rows.given > TRAIN) & ~keys.rows.synthetic
    while True:
        made = assign_splits(keys.rows, plan, stored, keys.one, judges)
        removed = removals(keys.rows, made, stored, keys.one)
        gone = np.isin(np.arange(len(judges)), list(removed)) & judges
        if not gone.any():
            return Placed(made, removed)
        judges &= ~gone


def split_rows(work: Staged, keys: SplitKeys, plan: Plan, stored: Stored) -> Splitting:
    """Split the rows of ``work``, of which ``keys`` were read, and drop from it what would leak.

    Raises:
        UserError, DataError: of ``assign_splits``.
    """
    placed = place_rows(keys, plan, stored)
    made, removed = placed
    others = {tie.other: work[tie.other].row_id for tie in removed.values() if tie.other >= 0}
    drops: dict[int, Dropped] = {}

    def without_leaks(index: int, row: Row) -> Row | Dropped:
        if (removal := removed.get(index)) is None:
            return row
        drops[index] = removal.dropped(row, others.get(removal.other, ""))
        return drops[index]

    work.transform("leakage", without_leaks)
    everywhere = placed.places()
    kept = everywhere != GONE
    places = everywhere[kept]
    drawn = made.pool & (made.grouping is not None)
    lasting = kept & (drawn | (made.split > TRAIN))
    shared = keys.identifiers.shared(kept)
    shared = shared._replace(rows=_left(shared.rows, kept))
    return Splitting(
        places,
        made.reason,
        made.notes,
        (
            *record_overlaps(removed, drops),
            near_overlap(keys.two, keys.rows.record[kept], places, work.__getitem__),
            template_overlap(keys.rows.template[kept], places, work.__getitem__),
            identifier_overlap(shared, places, work.__getitem__),
        ),
        np.r_[made.unit[drawn], keys.rows.record[lasting]],
        np.r_[made.split[drawn], made.split[lasting]],
        made.grouping,
    )


def _left(rows: Indexes, kept: NDArray[np.bool_]) -> Indexes:
    """Return places among all rows as places among those that are kept."""
    return np.asarray((np.cumsum(kept) - 1)[rows], np.int64)
