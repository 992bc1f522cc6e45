"""Classes with too few rows to be learned or measured, and one that outweighs the rest."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.field_values import MAX_FIELDS, FieldValues
from insource.dataset.checks.look import LABEL
from insource.types import Finding, Labels, Row

RARE = 5
"""A class with fewer rows than this is rare: after a split, often none is left to test with."""

DOMINANT = 0.9
"""A class with at least this share makes guessing look good."""


class ClassImbalance(Check):
    """Of labels, of fields with an ``enum`` and of booleans. No fix: more rows are the remedy, or fewer
    classes by an alias table."""

    name = "class-imbalance"
    title = "Class imbalance and rare classes"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fields = FieldValues()
        self._closed: dict[str, bool] = {}

    def observe(self, index: int, row: Row) -> None:
        super().observe(index, row)
        look = self.context.look(row)
        labels = isinstance(self.context.output, Labels)
        for path, value in look.leaves:
            listed = "enum" in look.declared(path) or (labels and path == LABEL) or isinstance(value, bool)
            if path in self._closed or len(self._closed) < MAX_FIELDS:
                self._closed[path] = listed and self._closed.get(path, True)
        self._fields.add(look)

    def finding(self) -> Finding:
        found: list[str] = []
        measures: dict[str, Any] = {}
        fields = [path for path in self._fields.values if self._closed.get(path)]
        for path in sorted(fields):
            if path in self._fields.open:
                found.append(f"{path} has more than {len(self._fields.values[path]):,} classes")
                continue
            counts = self._fields.values[path]
            measures[path] = _measured(counts)
            if problem := _problem(path, counts):
                found.append(problem)
        if not fields:
            return self.skip("no field has a closed list of classes")
        return self.report_fields(
            found,
            len(fields),
            f"{len(found)} of {len(fields)} fields with classes are out of balance",
            measures,
        )


def _measured(counts: Counter[str]) -> dict[str, Any]:
    total = counts.total()
    entropy = -sum(count / total * math.log2(count / total) for count in counts.values())
    return {
        "classes": len(counts),
        "rare": sorted(name for name, count in counts.items() if count < RARE)[:50],
        "largest_share": max(counts.values()) / total,
        "entropy_bits": round(entropy, 4),
    }


def _problem(path: str, counts: Counter[str]) -> str:
    rare = [name for name, count in counts.items() if count < RARE]
    (largest, most) = counts.most_common(1)[0]
    parts = []
    if rare and len(counts) > 1:
        shown = ", ".join(repr(name[:30]) for name in sorted(rare)[:3])
        parts.append(f"{len(rare):,} of {len(counts):,} classes have fewer than {RARE} rows: {shown}")
    if len(counts) > 1 and most / counts.total() >= DOMINANT:
        parts.append(f"{100 * most / counts.total():.0f} % are {largest[:40]!r}")
    return f"{path}: {'; '.join(parts)}" if parts else ""
