"""Find classes with too few rows to learn or to measure, and classes that outweigh the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.field_values import MAX_VALUES, FieldValues
from insource.dataset.checks.label_errors import MAX_CLASSES, MEAN_OF_CLASS, MIN_ROWS
from insource.dataset.checks.row_view import LABEL, RowView
from insource.foundation.value_names import value_name
from insource.types import Finding, Labels

RARE = 5
"""A class with fewer rows than this is rare: after a split, often none is left to test with."""

DOMINANT = 0.9
"""A class with at least this share makes guessing look good."""


class ClassImbalance(Check):
    """Counts the classes of labels, booleans, fields with an ``enum``, and other categorical fields.

    Categorical fields are those of label-errors: strings and integers of 2 to 500 values with 10 rows each on
    average. A class that the contract lists and no row has is the rarest. There is no fix: add rows, or merge
    classes by an alias table.
    """

    name = "class-imbalance"
    title = "Class imbalance and rare classes"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        # Labels are all texts; in a field, the number 1 and the text "1" are two classes.
        self._name = str if isinstance(context.output, Labels) else value_name
        self._fields = FieldValues(name=self._name)
        self._listed: dict[str, Sequence[Any]] = {}
        self._measures: set[str] = set()
        if isinstance(output := context.output, Labels):
            self._listed[LABEL] = () if output.inferred else output.names

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        self._fields.add(view)
        for path, value in view.leaves:
            if path not in self._fields.values:
                continue
            if isinstance(value, bool):
                self._listed[path] = ()
            elif listed := view.declared(path).get("enum"):
                self._listed[path] = listed
            elif isinstance(value, float):
                self._measures.add(path)

    def finding(self) -> Finding:
        found: list[str] = []
        measures: dict[str, Any] = {}
        fields = [path for path in self._fields.values if self._has_classes(path)]
        for path in sorted(fields):
            if path in self._fields.open:
                found.append(f"{path} has more than {MAX_VALUES:,} classes")
                continue
            counts = self._fields.values[path]
            counts.update({self._name(name): 0 for name in self._listed.get(path, ()) if name is not None})
            measures[path] = _measured(counts)
            if problem := _problem(path, counts):
                found.append(problem)
        if not fields:
            return self.skip("no field has a closed list of classes, or few values")
        return self.report_fields(
            found,
            len(fields),
            f"{len(found)} of {len(fields)} fields with classes are out of balance",
            measures,
        )

    def _has_classes(self, path: str) -> bool:
        if path in self._listed:
            return True
        rows, classes = self._fields.filled[path], len(self._fields.values[path])
        few = rows >= MIN_ROWS and 2 <= classes <= MAX_CLASSES and classes * MEAN_OF_CLASS <= rows
        return few and path not in self._measures and path not in self._fields.open


def _measured(counts: Counter[str]) -> dict[str, Any]:
    total = counts.total()
    entropy = -sum(count / total * math.log2(count / total) for count in counts.values() if count)
    return {
        "classes": len(counts),
        "rare": sorted(name for name, count in counts.items() if count < RARE)[:50],
        "largest_share": max(counts.values()) / total,
        "entropy_bits": round(entropy, 4),
    }


def _problem(path: str, counts: Counter[str]) -> str:
    rare = sorted(
        (name for name, count in counts.items() if count < RARE), key=lambda name: (counts[name], name)
    )
    (largest, most) = counts.most_common(1)[0]
    parts = []
    if rare and len(counts) > 1:
        shown = ", ".join(f"{name[:30]!r} {counts[name]}" for name in rare[:3])
        parts.append(f"{len(rare):,} of {len(counts):,} classes have fewer than {RARE} rows: {shown}")
    if len(counts) > 1 and most / counts.total() >= DOMINANT:
        parts.append(f"{100 * most / counts.total():.0f} % are {largest[:40]!r}")
    return f"{path}: {'; '.join(parts)}" if parts else ""
