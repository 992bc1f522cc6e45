"""The split step of a build: keys read once, units placed, leaks taken out, overlaps reported."""

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
    """Pairs of rows, as indexes of shape (m, 2), whose inputs have a Jaccard similarity of 0.8 or more.

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
        """The split of the row at ``index`` of the rows that are left."""
        found: Split = SPLITS[self.places[index]]
        return found

    def keep(self, ledger: Ledger, dataset: str) -> None:
        """Store what was drawn or judges, as the dataset of that folder name has it."""
        ledger.prepare(dataset, self.keys, self.splits, self.grouping)


def split_rows(work: Staged, plan: Plan, stored: Stored, *, stratified: bool) -> Splitting:
    """Split the rows of ``work``, and drop from it what would leak. ``stratified``: outputs are labels.

    Raises:
        UserError, DataError: of ``assign_splits``.
    """
    identifiers = Identifiers()
    keys = read_keys(work, stratified=stratified, identifiers=identifiers)
    near = near_duplicates(work, keys, plan.seed)
    links = np.sort(keys.record[near], axis=1)
    same = (keys.numbers[near[:, 0]] == keys.numbers[near[:, 1]]) | (
        keys.undated[near[:, 0]] == keys.undated[near[:, 1]]
    )
    one, two = links[same & (links[:, 0] != links[:, 1])], links[~same]
    made, removed = _separated(keys, plan, stored, one)
    others = {tie.other: work[tie.other].row_id for tie in removed.values() if tie.other >= 0}
    drops: dict[int, Dropped] = {}

    def without_leaks(index: int, row: Row) -> Row | Dropped:
        if (removal := removed.get(index)) is None:
            return row
        drops[index] = removal.dropped(row, others.get(removal.other, ""))
        return drops[index]

    work.transform("leakage", without_leaks)
    kept = np.ones(len(keys.record), np.bool_)
    kept[np.fromiter(removed, np.int64, len(removed))] = False
    places = np.where(made.split == NONE, np.int8(TRAIN), made.split)
    drawn = made.pool & (made.grouping is not None)
    lasting = kept & (drawn | (made.split > TRAIN))
    shared = identifiers.shared(kept)
    return Splitting(
        places[kept],
        made.reason,
        made.notes,
        (
            *record_overlaps(removed, drops),
            near_overlap(two, keys.record[kept], places[kept], work.__getitem__),
            template_overlap(keys.template[kept], places[kept], work.__getitem__),
            identifier_overlap(
                shared._replace(rows=_left(shared.rows, kept)), places[kept], work.__getitem__
            ),
        ),
        np.r_[made.unit[drawn], keys.record[lasting]],
        np.r_[made.split[drawn], made.split[lasting]],
        made.grouping,
    )


def _separated(
    keys: RowKeys, plan: Plan, stored: Stored, links: Keys
) -> tuple[Assignment, dict[int, Removal]]:
    """The split of every row, and what has to go; rows given to judge that have to go bind no others."""
    judges = (keys.given > TRAIN) & ~keys.synthetic
    while True:
        made = assign_splits(keys, plan, stored, links, judges)
        removed = removals(keys, made, stored, links)
        gone = np.isin(np.arange(len(judges)), list(removed)) & judges
        if not gone.any():
            return made, removed
        judges &= ~gone


def _left(rows: Indexes, kept: NDArray[np.bool_]) -> Indexes:
    """Places among all rows as places among those that are kept."""
    return np.asarray((np.cumsum(kept) - 1)[rows], np.int64)
