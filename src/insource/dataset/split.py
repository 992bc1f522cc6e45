"""Which rows teach and which judge: given splits are honoured, missing ones carved from train."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from insource import rng
from insource.dataset.normal import normalised
from insource.types import SPLITS, Dropped, Row, Split

DEFAULT_FRACTIONS: Mapping[Split, float] = {"train": 0.7, "validation": 0.1, "calibration": 0.1, "test": 0.1}
CARVED: tuple[Split, ...] = ("test", "calibration", "validation")
PRECEDENCE: tuple[Split, ...] = (*CARVED, "train")
GROUP_TOLERANCE = 0.5


class Placed(NamedTuple):
    """What splitting has to know of a row: ``key`` is equal for equal inputs (a digest). What
    is ``synthetic`` is never carved out of training."""

    row_id: str
    line: int | None
    split: Split | None
    group: str | None
    key: bytes
    synthetic: bool = False


class Assignment(NamedTuple):
    """The split of each row, by row id, and how it came about."""

    splits: dict[str, Split]
    reason: str


def placed(row: Row) -> Placed:
    """A row as splitting sees it; its input stays where it is."""
    key = blake2b(normalised(row.input).encode(), digest_size=16).digest()
    return Placed(row.row_id, row.line, row.split, row.group, key, bool(row.provenance.synthetic))


def assign_splits(rows: Sequence[Placed], fractions: Mapping[Split, float], seed: int) -> Assignment:
    """Honour given splits and carve the missing ones from the training rows.

    A carved split takes its fraction of the pool, as whole groups when every training row has one and
    that comes within half of each size, else row by row, equal inputs staying together. The draw of a
    group or input depends on itself and the seed alone, so the order of the rows does not matter and
    new rows move few old ones.
    """
    given: dict[str, Split] = {row.row_id: row.split for row in rows if row.split}
    missing = [split for split in CARVED if split not in given.values()]
    honoured = [split for split in SPLITS if split in given.values()]
    reason = f"Given: {', '.join(honoured)}." if honoured else "No split is given."
    splits: dict[str, Split] = {row.row_id: row.split or "train" for row in rows}
    pool = [row for row in rows if splits[row.row_id] == "train" and not row.synthetic]
    if not missing or not pool:
        return Assignment(splits, reason)
    wanted = _sizes(len(pool), missing, fractions)
    carved, how = _carve(pool, wanted, seed)
    splits.update(carved)
    names = ", ".join(f"{split} {count}" for split, count in Counter(carved.values()).most_common())
    return Assignment(
        splits, f"{reason} Carved from the {len(pool)} training rows {how}: {names or 'nothing'}."
    )


def drop_leaks(rows: Sequence[Placed], splits: Mapping[str, Split]) -> list[Dropped]:
    """Rows whose normalised input also stands in a split of higher rank (``PRECEDENCE``)."""
    held: dict[bytes, Placed] = {}
    leaks = []
    for split in PRECEDENCE:
        own: dict[bytes, Placed] = {}
        for row in rows:
            if splits[row.row_id] != split:
                continue
            if other := held.get(row.key):
                detail = f"the {split} input is also that of {other.row_id!r} in {splits[other.row_id]}"
                leaks.append(Dropped(row_id=row.row_id, line=row.line, reason="leak", detail=detail))
            else:
                own.setdefault(row.key, row)
        held |= own
    return leaks


def _sizes(pool: int, missing: Sequence[Split], fractions: Mapping[Split, float]) -> dict[Split, int]:
    """Rows to carve for each missing split: its fraction, relative to train and the other missing ones."""
    total = fractions.get("train", 0.0) + sum(fractions.get(split, 0.0) for split in missing)
    shares = {split: fractions.get(split, 0.0) / total if total else 0.0 for split in missing}
    return {split: max(1, round(share * pool)) if share else 0 for split, share in shares.items()}


def _carve(pool: Sequence[Placed], wanted: dict[Split, int], seed: int) -> tuple[dict[str, Split], str]:
    def by_group(row: Placed) -> Hashable:
        return row.group

    def by_input(row: Placed) -> Hashable:
        return row.key.hex()

    if all(row.group is not None for row in pool):
        carved = _take(pool, by_group, wanted, seed)
        sizes = Counter(carved.values())
        if all(abs(sizes[split] - size) <= GROUP_TOLERANCE * size for split, size in wanted.items()):
            return carved, "by whole groups"
        return _take(pool, by_input, wanted, seed), "row by row, the groups being too few or too uneven"
    return _take(pool, by_input, wanted, seed), "row by row"


def _take(
    pool: Sequence[Placed], unit_of: Callable[[Placed], Hashable], wanted: dict[Split, int], seed: int
) -> dict[str, Split]:
    """Whole units in random order, each to the first split that it brings closer to its size."""
    units: dict[Hashable, list[str]] = defaultdict(list)
    for row in pool:
        units[unit_of(row)].append(row.row_id)
    draws = {unit: rng.generator(seed, f"dataset.split/{unit}").random() for unit in units}
    result: dict[str, Split] = {}
    filled: Counter[Split] = Counter()
    for unit in sorted(units, key=lambda unit: (draws[unit], str(unit))):
        for split, size in wanted.items():
            if 2 * (size - filled[split]) >= len(units[unit]) and filled[split] < size:
                filled[split] += len(units[unit])
                result.update(dict.fromkeys(units[unit], split))
                break
    return result
