"""Report leakage: what was dropped because two splits shared it, and what they still share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.splits.identifiers import Shared, identifier_key, values_of, words_of
from insource.dataset.splits.keys import Keys
from insource.dataset.splits.leaks import Removal
from insource.dataset.splits.units import Indexes
from insource.types import SPLITS, Dropped, Instance, Overlap, Row
from insource.types.separation import OverlapKind

SHOWN = 8
_RECORDS: tuple[tuple[OverlapKind, tuple[str, ...], str], ...] = (
    ("exact-record", ("exact", "stored"), "the same input in two splits"),
    ("near-duplicate-record", ("near",), "a near-duplicate in another split"),
)


class Straddling(NamedTuple):
    """The values that stand in two splits or more: how many, and the rows with one, a value each."""

    values: int
    rows: Indexes
    keys: Keys


def straddling(keys: Keys, rows: Indexes, split: NDArray[np.int8]) -> Straddling:
    """Of the values ``keys`` at ``rows`` (parallel), those in several splits; ``split`` is by row."""
    values, of = np.unique(keys, return_inverse=True)
    where = np.zeros(len(values), np.uint8)
    np.bitwise_or.at(where, of, np.uint8(1) << split[rows].astype(np.uint8))
    several = (where & (where - np.uint8(1))) != 0  # more than one bit
    found = several[of]
    holding, first = np.unique(rows[found], return_index=True)
    return Straddling(int(several.sum()), holding, keys[found][first])


def record_overlaps(removed: Mapping[int, Removal], drops: Mapping[int, Dropped]) -> tuple[Overlap, ...]:
    """Return what was taken out: equal inputs and near-duplicates; nothing of it is left."""
    found = []
    for kind, links, words in _RECORDS:
        own = [row for row, removal in sorted(removed.items()) if removal.link in links]
        shown = [drops[row] for row in own[:SHOWN]]
        found.append(
            Overlap(
                kind=kind,
                count=len(own),
                removed=len(own),
                summary=f"{len(own):,} rows with {words} were dropped" if own else f"No row with {words}",
                instances=tuple(Instance(row_id=d.row_id, line=d.line, detail=d.detail) for d in shown),
            )
        )
    return tuple(found)


def near_overlap(links: Keys, record: Keys, split: NDArray[np.int8], row_at: Callable[[int], Row]) -> Overlap:
    """Inputs (``links`` of ``record``) that read nearly alike with other numbers: two on a template.

    ``record`` and ``split`` have one value a row; equal inputs are in one split.
    """
    names, first = np.unique(record, return_index=True)
    linked = np.searchsorted(names, links[np.isin(links, names).all(axis=1)])
    across = linked[split[first[linked[:, 0]]] != split[first[linked[:, 1]]]]
    holding = np.flatnonzero(np.isin(record, names[across]))
    found = Straddling(len(holding), holding, np.zeros(len(holding), np.uint64))
    rows = _by_split(holding, split)
    where = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    return Overlap(
        kind="near-duplicate-text",
        count=len(holding),
        rows=rows,
        summary=f"{len(holding):,} rows read nearly as one in another split, with other numbers: {where}"
        if len(holding)
        else "No row reads nearly as one in another split",
        instances=_instances(found, split, row_at, lambda row, key: "nearly the text of another split's"),
    )


def template_overlap(template: Keys, split: NDArray[np.int8], row_at: Callable[[int], Row]) -> Overlap:
    """Templates in several splits: usual in production, and a reason why new layouts may do worse."""
    found = straddling(template, np.arange(len(split)), split)
    rows = _by_split(found.rows, split)
    held_out = [f"{rows[name]:,} of {int((split == SPLITS.index(name)).sum()):,} in {name}"
                for name in SPLITS[1:] if rows.get(name)]  # fmt: skip
    return Overlap(
        kind="template",
        count=found.values,
        rows=rows,
        summary=f"{found.values:,} templates stand in several splits: {', '.join(held_out)} rows have one"
        if found.values
        else "No template stands in two splits",
        instances=_instances(found, split, row_at, lambda row, key: "its text, masked, is in another split"),
    )


def identifier_overlap(shared: Shared, split: NDArray[np.int8], row_at: Callable[[int], Row]) -> Overlap:
    """Identifiers in several splits: two documents about one thing may be on both sides."""
    found = straddling(shared.keys, shared.rows, split)
    rows = _by_split(found.rows, split)
    where = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    by = f", by shape and by the unique fields {', '.join(shared.fields)}" if shared.fields else ", by shape"
    return Overlap(
        kind="identifier",
        count=found.values,
        rows=rows,
        summary=f"{found.values:,} identifiers{by}, stand in several splits; rows with one: {where}"
        if found.values
        else f"No identifier{by}, stands in two splits",
        instances=_instances(found, split, row_at, _spelled),
    )


def _by_split(rows: Indexes, split: NDArray[np.int8]) -> dict[str, int]:
    counts = Counter(split[rows].tolist())
    return {name: counts[place] for place, name in enumerate(SPLITS) if counts[place]}


def _instances(
    found: Straddling,
    split: NDArray[np.int8],
    row_at: Callable[[int], Row],
    words: Callable[[Row, int], str],
) -> tuple[Instance, ...]:
    """Return the first rows, those that judge before those that teach."""
    first = np.lexsort((found.rows, -split[found.rows]))[:SHOWN]
    shown = []
    for place, key in zip(found.rows[first].tolist(), found.keys[first].tolist(), strict=True):
        row = row_at(place)
        detail = f"{SPLITS[split[place]]}: {words(row, key)}"
        shown.append(Instance(row_id=row.row_id, line=row.line, detail=detail))
    return tuple(shown)


def _spelled(row: Row, key: int) -> str:
    words = (*words_of(row.input), *(value for _, value in values_of(row.output)))
    return f"{next(word for word in words if identifier_key(word) == key)!r} is also in another split"
