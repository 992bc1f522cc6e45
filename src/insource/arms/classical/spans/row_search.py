"""Lists of objects: where the training items stand, and the model that finds such rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from insource.arms.classical.spans.folds import Fold
from insource.arms.classical.spans.rankers import Labelled, fit_ranker
from insource.arms.classical.spans.samples import Sample, values_at
from insource.arms.classical.spans.teaching import Group, group_of, teach
from insource.foundation.rng import generator
from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.document import Scope
from insource.models.fitted.spans.fields import ITEM, Field, Path, spelled
from insource.models.fitted.spans.rows import RowFinder, Unit, unit_features, units

MIN_COVERED = 0.5
"""A unit is an item's row when it holds at least this share of the item's values that the document has."""


@dataclass(frozen=True)
class Located:
    """The rows of one list: of each sample its items, its units, and the unit of each item found."""

    path: Path
    items: Sequence[Sequence[dict[str, Any]] | None]
    units: Sequence[Sequence[Unit]]
    places: Sequence[dict[int, int]]


def locate(samples: Sequence[Sample], path: Path, fields: Sequence[Field]) -> Located:
    """Find the unit of each training item: the smallest of those that hold most of its values."""
    items = [_items(sample, path) for sample in samples]
    width = len(path)
    golds = {
        one.path: [
            None
            if rows is None
            else [v for row in rows for v in values_at(row, one.path[width:], False) or ()]
            for rows in items
        ]
        for one in fields
    }
    wholes = [Scope.whole(sample.document) for sample in samples]
    lists = [replace(one, many=True, single=False) for one in fields]
    group = group_of(wholes, range(len(samples)), lists, golds)
    taught = teach(group, range(len(samples)))
    found_units = [units(sample.document) for sample in samples]
    places = []
    for n, rows in enumerate(items):
        hits: list[list[list[tuple[int, int]]]] = [[] for _ in rows or ()]
        for one in group.fields.values() if rows else ():
            found = candidates(wholes[n], one, taught[one.path])
            equal = group.equal[one.path]
            for row, kept in zip(rows or (), hits, strict=True):
                for value in values_at(row, one.path[width:], False) or ():
                    spans = [(c.start, c.end) for c in found if equal(value, c.value)]
                    kept += [spans] if spans else []
        places.append(_placed(found_units[n], hits))
    return Located(path, items, found_units, places)


def _items(sample: Sample, path: Path) -> list[dict[str, Any]] | None:
    if not any(known[: len(path)] == path for known in sample.paths):
        return None
    found: Any = sample.target
    for step in path[:-1]:
        if not isinstance(found, dict) or step not in found:
            return None if sample.unscored else []
        found = found[step]
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, dict)]


def _placed(found: Sequence[Unit], hits: Sequence[Sequence[Sequence[tuple[int, int]]]]) -> dict[int, int]:
    """Return the unit of each item, in their order; no two overlap."""
    placed: dict[int, int] = {}
    for item, leaves in enumerate(hits):
        best: tuple[int, int, int] | None = None
        for place, unit in enumerate(found):
            covered = sum(any(unit.start <= a and b <= unit.end for a, b in spans) for spans in leaves)
            if covered < max(1, MIN_COVERED * len(leaves)):
                continue
            key = (-covered, unit.end - unit.start, place)
            free = all(unit.end <= found[p].start or unit.start >= found[p].end for p in placed.values())
            if free and (best is None or key < best):
                best = key
        if best is not None:
            placed[item] = best[2]
    return placed


def row_group(samples: Sequence[Sample], located: Located, fields: Sequence[Field]) -> Group:
    """Return the group whose scopes are the rows of the training items."""
    scopes, owners, rows = [], [], []
    for n, places in enumerate(located.places):
        for item, place in sorted(places.items()):
            unit = located.units[n][place]
            scopes.append(Scope(samples[n].document, unit.start, unit.end))
            owners.append(n)
            rows.append((located.items[n] or ())[item])
    width = len(located.path)
    golds = {
        one.path: [
            values_at(row, one.path[width:], samples[n].unscored) if one.path in samples[n].paths else None
            for n, row in zip(owners, rows, strict=True)
        ]
        for one in fields
    }
    return group_of(scopes, owners, fields, golds)


def fit_finders(
    samples: Sequence[Sample], located: Located, folds: Sequence[Fold], seed: int
) -> tuple[RowFinder | None, list[RowFinder | None]]:
    """Fit the row finder to all samples, and to each fold."""
    parts = [
        unit_features(sample.document, list(found))
        for sample, found in zip(samples, located.units, strict=True)
    ]
    right = np.concatenate(
        [
            np.isin(np.arange(len(found)), list(places.values()))
            for found, places in zip(located.units, located.places, strict=True)
        ]
        or [np.zeros(0, dtype=bool)]
    )
    judged = np.array([items is not None for items in located.items], dtype=bool)
    data = Labelled.of(located.units, parts, right, judged)

    def fit(train: Iterable[int], name: str) -> RowFinder | None:
        rng = generator(seed, f"spans.rows.{spelled(located.path)}.{name}")
        ranker = fit_ranker(data, list(train), rng)
        return None if ranker is None else RowFinder(ranker)

    return fit(range(len(samples)), "whole"), [fit(one.train.tolist(), str(k)) for k, one in enumerate(folds)]


def row_paths(fields: Iterable[Field]) -> list[Path]:
    """Return the paths of the lists of objects that are read: those inside of no other such list."""
    return list(dict.fromkeys(one.rows for one in fields if one.rows and one.path.count(ITEM) == 1))
