"""Name the rows to drop, so that no judging input was learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.splits.assign import TRAIN, Assignment
from insource.dataset.splits.keys import NONE, Keys, RowKeys
from insource.dataset.splits.stored import Stored
from insource.types import SPLITS, Dropped, Row

Link = Literal["exact", "near", "stored", "synthetic"]


class Removal(NamedTuple):
    """Why the row at ``row``, placed in ``split``, is dropped: it is tied to ``other`` in ``other_split``.

    ``other`` is -1 when that row is in the stored assignments only.
    """

    row: int
    split: int
    other: int
    other_split: int
    link: Link
    reason: str

    def dropped(self, row: Row, other: str) -> Dropped:
        """Return the drop in words; ``other`` is the id of the row at ``other``, empty when there is none."""
        return Dropped(row_id=row.row_id, line=row.line, reason=self.reason, detail=self._detail(other))

    def _detail(self, other: str) -> str:
        where = f"{other!r} in {SPLITS[self.other_split]}" if other else SPLITS[self.other_split]
        if self.link == "exact":
            return f"the {SPLITS[self.split]} input is also that of {where}"
        if self.link == "near":
            return f"the {SPLITS[self.split]} input is nearly that of {where}"
        if self.link == "stored":
            return f"its unit is in {SPLITS[self.split]}, its input was stored in {where}"
        if other:
            return f"it is synthetic, and tied to {where}"
        if self.split > TRAIN:
            return f"it is synthetic, and given for {SPLITS[self.split]}"
        if self.other_split > TRAIN:
            return f"it is synthetic, and its input was stored in {where}"
        return "it is synthetic, and a row it was made from is not among those that are kept"


def removals(keys: RowKeys, made: Assignment, stored: Stored, links: Keys) -> dict[int, Removal]:
    """Return the rows to drop, by index, so that equal and nearly equal inputs are in one split.

    ``links`` are the pairs of nearly equal inputs.

    Rows that were there before come first, then the split that judges: test, calibration, validation, train.
    A row goes when it is tied to one that came before it, in another split. The reason is ``leak`` when one
    of the two was given its split, ``bridge`` when both were drawn: the unit is in one split, the input in
    another. Synthetic rows follow (``synthetic-of-held-out``).
    """
    found: dict[int, Removal] = {}
    contested, neighbours = _contested(keys, made.split, links)
    recorded = stored.of(keys.record)
    elsewhere = made.pool & ~made.settled & (recorded != NONE) & (recorded != made.split)
    todo = np.flatnonzero(contested | elsewhere)
    held: dict[int, tuple[int, int]] = {}  # by input: the split of the rows that stay, and the first of them
    going = []
    for row in todo[np.lexsort((todo, -made.split[todo], ~made.settled[todo]))].tolist():
        record, split = int(keys.record[row]), int(made.split[row])
        if elsewhere[row] or any(
            held.get(other, (split,))[0] != split for other in (record, *neighbours.get(record, ()))
        ):
            going.append(row)
        else:
            held[record] = (split, min(row, held.get(record, (split, row))[1]))
    # Named only now, by what stays in the end: the same whichever of the rows were there before.
    for row in going:
        record, split = int(keys.record[row]), int(made.split[row])
        exact = held.get(record, (split, row))
        near = [held[other] for other in neighbours.get(record, ()) if held.get(other, (split,))[0] != split]
        found[row] = _removal(row, exact, near, made, int(recorded[row]))
    found |= {removal.row: removal for removal in _synthetic(keys, made, stored, links, found)}
    return found


def _contested(
    keys: RowKeys, split: NDArray[np.int8], links: Keys
) -> tuple[NDArray[np.bool_], dict[int, list[int]]]:
    """Return the rows whose input, or a nearly equal one, is in several splits, and the inputs' neighbours.

    Synthetic rows do not count.
    """
    real = np.flatnonzero(split != NONE)
    names, of = np.unique(keys.record[real], return_inverse=True)
    low = np.full(len(names), len(SPLITS), np.int8)
    high = np.full(len(names), NONE, np.int8)
    np.minimum.at(low, of, split[real])
    np.maximum.at(high, of, split[real])
    near = np.searchsorted(names, links[np.isin(links, names).all(axis=1)])
    near = near[low[near].min(axis=1) != high[near].max(axis=1)]
    torn = low != high
    torn[near] = True
    found = np.zeros(len(split), np.bool_)
    found[real] = torn[of]
    neighbours: dict[int, list[int]] = defaultdict(list)
    for one, other in names[near].tolist():
        neighbours[one].append(other)
        neighbours[other].append(one)
    return found, neighbours


def _removal(
    row: int, exact: tuple[int, int], near: list[tuple[int, int]], made: Assignment, recorded: int
) -> Removal:
    """Return why ``row`` is dropped: ``exact`` and ``near`` are (split, first row) of what it is tied to."""
    split = int(made.split[row])
    if exact[0] != split:
        found = Removal(row, split, exact[1], exact[0], "exact", reason="bridge")
    elif near:
        other_split, other = min(near, key=lambda tie: tie[1])
        found = Removal(row, split, other, other_split, "near", reason="bridge")
    else:
        found = Removal(row, split, -1, recorded, "stored", reason="bridge")
    # A drawn row is never tied to one given for a split that judges: it would not be in the pool.
    return found if made.pool[row] else found._replace(reason="leak")


def _synthetic(
    keys: RowKeys, made: Assignment, stored: Stored, links: Keys, gone: dict[int, Removal]
) -> Iterator[Removal]:
    """Synthetic rows that are tied to what judges, or of which it cannot be shown that they are not."""
    rows = np.flatnonzero(keys.synthetic)
    if not len(rows):
        return
    kept = made.split != NONE
    kept[np.fromiter(gone, np.int64, len(gone))] = False
    judging = kept & (made.split > TRAIN)
    drawn = _places(made.unit, judging & made.pool, made.unit[rows])
    equal = _places(keys.record, judging, keys.record[rows])
    near = _neighbour(keys, links, judging)
    parents = np.array(sorted({key for row in keys.parents.values() for key in row}), np.uint64)
    places = _places(keys.row, kept | keys.synthetic, parents)
    recorded = dict(zip(rows.tolist(), stored.of(keys.record[rows]).tolist(), strict=True))
    refused: dict[int, Removal] = {}

    def refusal(row: int) -> Removal | None:
        made_from = [places.get(parent, -1) for parent in keys.parents[row]]
        tied = [
            drawn.get(int(made.unit[row])),
            equal.get(int(keys.record[row])),
            near.get(int(keys.record[row])),
        ]
        tied += [place for place in made_from if place >= 0 and judging[place]]
        other = next((place for place in tied if place is not None), -1)
        orphan = any(place < 0 or place in refused for place in made_from)
        if other < 0 and not orphan and keys.given[row] <= TRAIN and recorded[row] <= TRAIN:
            return None
        where = int(made.split[other]) if other >= 0 else recorded[row]
        return Removal(row, int(keys.given[row]), other, where, "synthetic", reason="synthetic-of-held-out")

    before = -1
    while len(refused) != before:  # a row made from a refused one is refused
        before = len(refused)
        for row in rows.tolist():
            if row not in refused and (removal := refusal(row)) is not None:
                refused[row] = removal
    yield from refused.values()


def _neighbour(keys: RowKeys, links: Keys, judging: NDArray[np.bool_]) -> dict[int, int]:
    """For the inputs that are linked to one that judges, the place of a row with that one."""
    places = _places(keys.record, judging, links.ravel())
    both = np.r_[links, links[:, ::-1]].tolist()
    return {one: places[other] for one, other in both if other in places}


def _places(keys: Keys, among: NDArray[np.bool_], wanted: Keys) -> dict[int, int]:
    """Return the first place of each wanted key among the rows marked."""
    found = np.flatnonzero(among & np.isin(keys, wanted))[::-1]
    return dict(zip(keys[found].tolist(), found.tolist(), strict=True))
