"""Assign rows to splits: given splits are kept, missing ones are carved from the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.splits.keys import NO_TIME, NONE, Keys, RowKeys
from insource.dataset.splits.stored import Grouping, Stored
from insource.dataset.splits.units import (
    Indexes,
    SplitUnits,
    filled,
    in_random_order,
    late_groups,
    lone,
    newest_first,
    units_of,
)
from insource.foundation.errors import DataError, UserError
from insource.types import SPLITS, Split

GroupBy = Literal["auto", "group", "template", "input"]
Order = Literal["random", "time"]
DEFAULT_FRACTIONS: Mapping[Split, float] = {"train": 0.7, "validation": 0.1, "calibration": 0.1, "test": 0.1}
CARVED: tuple[Split, ...] = ("test", "calibration", "validation")
TRAIN = SPLITS.index("train")
GROUP_TOLERANCE = 0.5
NO_LINKS: Keys = np.zeros((0, 2), np.uint64)
HOW = {"group": "by whole groups", "template": "by whole templates", "input": "row by row"}


class Plan(NamedTuple):
    """How splits are to be made: the share of each, what stays together, in which order, by which seed."""

    fractions: Mapping[Split, float] = DEFAULT_FRACTIONS
    group_by: GroupBy = "auto"
    order: Order = "random"
    seed: int = 0


class Assignment(NamedTuple):
    """The split of each row as its place in ``SPLITS``, -1 for synthetic rows, and how it came about.

    ``unit`` is the digest of what each row stays together with. ``pool`` marks the rows whose split was not
    given, or given as train. ``settled`` marks those that were there before: given, or stored with unit and
    input. ``grouping`` is None when nothing was drawn.
    """

    split: NDArray[np.int8]
    unit: Keys
    pool: NDArray[np.bool_]
    settled: NDArray[np.bool_]
    grouping: Grouping | None
    reason: str
    notes: tuple[str, ...] = ()


def assign_splits(
    keys: RowKeys,
    plan: Plan,
    stored: Stored | None = None,
    links: Keys = NO_LINKS,
    judges: NDArray[np.bool_] | None = None,
) -> Assignment:
    """Honour given and stored splits, and carve the missing ones from the training rows.

    A carved split takes its fraction of the pool in whole units: groups, templates, or inputs, equal ones
    staying together. The draw of a unit depends on itself and the seed, so the order of the rows does not
    matter. What is stored stays where it is.

    Args:
        links: inputs that are near-duplicates, as pairs of ``RowKeys.record``, shape (m, 2).
        judges: one value a row, True for those given for a split that judges and not dropped themselves;
            by default all that were given so.

    Raises:
        UserError: ``splits-stored-otherwise`` when the plan is not that of the stored assignments.
        DataError: ``no-times`` when rows are to be ordered by time and none has one.
    """
    stored = stored or Stored()
    pool = ~keys.synthetic & (keys.given <= TRAIN) & ~_judged(keys, links, judges)
    split = np.where(keys.synthetic, np.int8(NONE), np.maximum(keys.given, TRAIN)).astype(np.int8)
    rows = np.flatnonzero(pool)
    honoured = [name for place, name in enumerate(SPLITS) if (keys.given[~keys.synthetic] == place).any()]
    missing = [name for name in CARVED if name not in honoured]
    given = f"Given: {', '.join(honoured)}." if honoured else "No split is given."
    if not len(rows) or (not missing and stored.grouping is None):
        return Assignment(split, lone(keys.record), pool, ~pool, None, given)
    _check_plan(plan, stored.grouping, keys.time[rows])
    drawing = _Drawing(keys, rows, plan, _sizes(len(rows), missing, plan.fractions), stored, links)
    grouping, drawn = drawing.grouped()
    split[rows] = drawn.split[drawn.units.of_row]
    known = (stored.of(drawn.key) == split) & (stored.of(keys.record) == split)
    counts = np.bincount(split[rows], minlength=len(SPLITS))
    carved = [f"{name} {counts[SPLITS.index(name)]}" for name in CARVED if counts[SPLITS.index(name)]]
    reason = f"{given} Carved from the {len(rows)} training rows {grouping.how}: "
    notes = _time_notes(drawn.key[rows], split[rows], keys.time[rows]) if plan.order == "time" else ()
    if grouping.group_by == "input" and plan.group_by != "input":
        notes = (*_parted(keys.group[rows], split[rows]), *notes)
    return Assignment(
        split, drawn.key, pool, ~pool | known, grouping, f"{reason}{', '.join(carved) or 'nothing'}.", notes
    )


def _judged(keys: RowKeys, links: Keys, judges: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Rows whose input, or nearly, was given for a split that judges: wherever drawn, they would leak."""
    given = keys.record[(keys.given > TRAIN) & ~keys.synthetic if judges is None else judges]
    nearly = links[np.isin(links, given).any(axis=1)].ravel()
    return np.isin(keys.record, given) | np.isin(keys.record, nearly)


class _Drawn(NamedTuple):
    """``key`` is the unit digest of every row; ``units`` and their ``split`` are of the pool's rows."""

    key: Keys
    units: SplitUnits
    split: NDArray[np.int8]
    together: bool


class _Drawing(NamedTuple):
    keys: RowKeys
    rows: Indexes
    plan: Plan
    wanted: Mapping[int, int]
    stored: Stored
    links: Keys

    def grouped(self) -> tuple[Grouping, _Drawn]:
        """Return the grouping and its draw: as stored, as asked, or by groups if they come near all sizes."""
        if self.stored.grouping:
            return self.as_stored(self.stored.grouping)
        group_by, why = self.plan.group_by, ""
        if group_by == "auto":
            group_by = "group" if (self.keys.group[self.rows] != 0).any() else "input"
            if group_by == "group" and not self.near(self.drawn(_unit_keys(self.keys, "group"))):
                group_by, why = "input", ", the groups being too few or too uneven"
        drawn = self.drawn(_unit_keys(self.keys, group_by))
        if not drawn.together:
            why += ", near-duplicates being too many to stay together"
        newest = ", the newest first" if self.plan.order == "time" else ""
        return Grouping(group_by, self.plan.order, f"{HOW[group_by]}{why}{newest}"), drawn

    def as_stored(self, grouping: Grouping) -> tuple[Grouping, _Drawn]:
        """Return the draw by stored units.

        Where these are inputs, groups that came later stay whole if that is near every size or asked for.
        """
        if grouping.group_by != "input" or self.plan.group_by == "input":
            return grouping, self.drawn(_unit_keys(self.keys, grouping.group_by))
        for new in (True, False):
            stored, key = late_groups(self.rows, self.keys, self.stored, new=new)
            drawn = self._replace(stored=stored).drawn(key)
            if self.plan.group_by == "group" or self.near(drawn):
                break
        return grouping, drawn

    def drawn(self, key: Keys) -> _Drawn:
        """Return the draw by these units; too many near-duplicates are dropped instead of kept together."""
        keys = self.keys
        units = units_of(self.rows, key, keys, self.stored, self.links)
        found = _Drawn(key, units, self.split(units), True)
        if not len(self.links) or self.stored.grouping or self.near(found):
            return found
        units = units_of(self.rows, key, keys, self.stored, NO_LINKS)
        apart = _Drawn(key, units, self.split(units), False)
        return apart if self.near(apart) else found

    def split(self, units: SplitUnits) -> NDArray[np.int8]:
        seed, by_time = self.plan.seed, self.plan.order == "time"
        order = (
            newest_first(units, self.keys.time[self.rows], seed)
            if by_time
            else in_random_order(units, self.keys.stratum[self.rows], seed)
        )
        return filled(units, order, self.wanted, in_blocks=by_time)

    def near(self, drawn: _Drawn) -> bool:
        """Return whether whole units come within half of each size, or of what had to be there."""
        units, bound = drawn.units, drawn.units.split != NONE
        sizes = np.bincount(drawn.split, weights=units.size, minlength=len(SPLITS))
        least = np.bincount(units.split[bound], weights=units.size[bound], minlength=len(SPLITS))
        wanted = {place: max(size, least[place]) for place, size in self.wanted.items()}
        return all(abs(sizes[place] - size) <= GROUP_TOLERANCE * size for place, size in wanted.items())


def _sizes(pool: int, missing: Sequence[Split], fractions: Mapping[Split, float]) -> dict[int, int]:
    """Rows to carve for each missing split: its fraction, relative to train and the other missing ones."""
    total = fractions.get("train", 0.0) + sum(fractions.get(split, 0.0) for split in missing)
    shares = {split: fractions.get(split, 0.0) / total if total else 0.0 for split in missing}
    return {SPLITS.index(split): max(1, round(share * pool)) for split, share in shares.items() if share}


def _check_plan(plan: Plan, grouping: Grouping | None, times: NDArray[np.int64]) -> None:
    if grouping:
        for key, asked, kept in (
            ("group_by", plan.group_by, grouping.group_by),
            ("order", plan.order, grouping.order),
        ):
            if asked not in ("auto", kept) and (asked, kept) != ("group", "input"):
                raise UserError(
                    "splits-stored-otherwise",
                    f'The splits of this task were drawn with {key} = "{kept}" and are stored; '
                    f'insource.toml says "{asked}".',
                    hint=f'Put back `{key} = "{kept}"` under [dataset]. To draw all splits anew, test '
                    "included, delete the folder of this task under `splits` in the workspace.",
                )
    if plan.order == "time" and not (times != NO_TIME).any():
        raise DataError(
            "no-times",
            "dataset.order is time, but no row has a `time` that can be read.",
            hint='Give rows a `time` (ISO 8601, or seconds since 1970), or set `order = "random"`.',
        )


def _unit_keys(keys: RowKeys, group_by: str) -> Keys:
    if group_by == "group":
        return np.where(keys.group != 0, keys.group, lone(keys.record))
    return keys.template if group_by == "template" else lone(keys.record)


def _parted(group: Keys, split: NDArray[np.int8]) -> tuple[str, ...]:
    """Return how many groups stand in several splits, where they should not; one value a row of the pool."""
    pairs = np.unique(np.stack([group, split.astype(np.uint64)])[:, group != 0], axis=1)
    count = int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())
    return (
        (f"{count:,} groups stand in several splits, as their rows were split row by row.",) if count else ()
    )


def _time_notes(unit: Keys, split: NDArray[np.int8], times: NDArray[np.int64]) -> tuple[str, ...]:
    """Return what of the order in time does not hold; one value a row of the pool."""
    _, first, of = np.unique(unit, return_index=True, return_inverse=True)
    newest = np.full(len(first), NO_TIME)
    np.maximum.at(newest, of, times)
    judging = newest[(split[first] != TRAIN) & (newest != NO_TIME)]
    oldest = judging.min() if len(judging) else np.iinfo(np.int64).max
    training = newest[split[first] == TRAIN]
    words, why = "training units are", "stored splits do not move, and new rows fill every split"
    counted = (
        (int((times == NO_TIME).sum()), "rows have no time that can be read and count as the oldest"),
        (int((training == oldest).sum()), f"{words} as new as the oldest that judges; a draw decided"),
        (int((training > oldest).sum()), f"{words} newer than the oldest that judges: {why}"),
    )
    return tuple(f"{count:,} {words}." for count, words in counted if count)
