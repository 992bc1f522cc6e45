"""A field that came to be written otherwise: since a month, by a prompt version, by a model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, entropy

from insource.dataset.checks.check import Check, Context, checked_table
from insource.dataset.checks.look import replaced
from insource.dataset.checks.writing import rewritten, shape_of
from insource.types import Dropped, Finding, Fix, Row

MIN_SIDE = 20
"""Labels before and after a change, of a version and of the rest."""

MIN_MOVED = 0.1
"""Total variation distance between the shapes of two sides: the share that is written otherwise."""

ALPHA = 0.001
"""Level of the test that a field has drifted, divided by the comparisons made (Bonferroni)."""

MAX_SHAPES = 100
MAX_FIELDS = 500
MAX_KINDS = 500
_DIMENSIONS = ("month", "prompt version", "model")

_Counts = dict[str, Counter[str]]


class Drift(NamedTuple):
    """Where a field changed: the side of the change, how much, and the shapes with their change in share."""

    path: str
    where: str
    moved: float
    p_value: float
    shapes: dict[str, float]


class FormatDrift(Check):
    """Shapes are ``9999-99-99`` and ``9 A``: runs of digits and letters. The two sides of every month, prompt
    version and model are compared by the chi-squared test; at least a tenth must have moved."""

    name = "format-drift"
    title = "Format drift"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._shapes: dict[str, Counter[str]] = {}
        self._by: dict[tuple[str, str], _Counts] = defaultdict(lambda: defaultdict(Counter))
        self._known = False
        self._drifted: dict[str, Drift] = {}

    def observe(self, index: int, row: Row) -> None:
        super().observe(index, row)
        kinds = [(name, kind) for name, kind in zip(_DIMENSIONS, _kinds(row), strict=True) if kind]
        self._known = self._known or bool(kinds)
        for path, value in self.context.look(row).leaves:
            if isinstance(value, bool) or (path not in self._shapes and len(self._shapes) >= MAX_FIELDS):
                continue
            shapes = self._shapes.setdefault(path, Counter())
            if len(shapes) > MAX_SHAPES:
                continue
            shape = shape_of(value)
            shapes[shape] += 1
            for dimension, kind in kinds:
                counts = self._by[path, dimension]
                if kind in counts or len(counts) < MAX_KINDS:
                    counts[kind][shape] += 1

    def finding(self) -> Finding:
        if not self._known:
            return self.skip("no row has a time, a prompt version or a model")
        shaped = {path: counts for path, counts in self._shapes.items() if len(counts) <= MAX_SHAPES}
        candidates = [drift for path in sorted(shaped) for drift in self._candidates(path)]
        level = ALPHA / max(1, len(candidates))
        for drift in sorted(candidates, key=lambda one: (one.p_value, -one.moved, one.where)):
            if drift.p_value <= level and drift.moved >= MIN_MOVED:
                self._drifted.setdefault(drift.path, drift)
        table = self._count()
        words = "; ".join(
            f"{drift.path} {drift.where} ({100 * drift.moved:.0f} % moved)"
            for drift in self._drifted.values()
        )
        summary = f"{len(self._drifted)} of {len(shaped)} fields changed their format"
        fix = Fix(
            action="change",
            summary="write the values in the field's commonest shape where that says the same",
            parameters={"shapes": table},
        )
        return self.report(
            f"{summary}: {words}" if words else summary,
            fix=fix if table else None,
            measures={
                "entropy_bits": {path: round(_bits(counts), 4) for path, counts in sorted(shaped.items())},
                "changes": [drift._asdict() for drift in self._drifted.values()],
            },
        )

    def fixed(self, index: int, row: Row, parameters: Mapping[str, Any]) -> Row | Dropped:
        table = checked_table(self.name, "shapes", parameters)

        def change(path: str, value: Any) -> Any:
            target = table.get(path, {}).get(shape_of(value)) if isinstance(value, str) else None
            return value if target is None else rewritten(value, target)

        return replaced(row, change)

    def _count(self) -> dict[str, dict[str, str]]:
        """A second look: rows not written in the usual shape, and the shapes that can be rewritten."""
        table: dict[str, dict[str, str]] = {}
        usual = {path: self._usual(path) for path in self._drifted}
        for row in self.context.rows if self._drifted else ():
            hit = ""
            for path, value in self.context.look(row).leaves:
                if path not in usual or isinstance(value, bool) or (shape := shape_of(value)) == usual[path]:
                    continue
                if shape in self._drifted[path].shapes:
                    hit = hit or f"{path}: {str(value)[:40]!r} is {shape!r}, usual is {usual[path]!r}"
                if isinstance(value, str) and rewritten(value, usual[path]) != value:
                    table.setdefault(path, {})[shape] = usual[path]
            if hit:
                self.hits.add(row, hit)
        return {path: dict(sorted(shapes.items())) for path, shapes in sorted(table.items())}

    def _usual(self, path: str) -> str:
        return min(self._shapes[path], key=lambda shape: (-self._shapes[path][shape], shape))

    def _candidates(self, path: str) -> Iterator[Drift]:
        """Every way to cut a field in two: before and after a month, a version or model and the rest."""
        order = sorted(self._shapes[path])
        if len(order) < 2:
            return
        for dimension in _DIMENSIONS:
            counts = self._by.get((path, dimension), {})
            kinds = sorted(counts)
            table = np.array([[counts[kind][shape] for shape in order] for kind in kinds], dtype=float)
            for place in range(len(kinds)):
                if dimension == "month":
                    left, right = table[:place].sum(axis=0), table[place:].sum(axis=0)
                    where = f"since {kinds[place]}"
                else:
                    left, right = table.sum(axis=0) - table[place], table[place]
                    where = f"by {dimension} {kinds[place]}"
                if min(left.sum(), right.sum()) >= MIN_SIDE:
                    yield _compared(path, where, order, left, right)


def _compared(
    path: str, where: str, order: list[str], left: NDArray[np.float64], right: NDArray[np.float64]
) -> Drift:
    change = right / right.sum() - left / left.sum()
    seen = (left + right) > 0
    p_value = 1.0
    if seen.sum() > 1:
        p_value = float(chi2_contingency(np.array([left[seen], right[seen]]), correction=False).pvalue)
    moved = {shape: float(c) for shape, c in zip(order, change, strict=True) if abs(c) >= MIN_MOVED / 2}
    return Drift(path, where, float(np.abs(change).sum() / 2), p_value, moved)


def _bits(counts: Counter[str]) -> float:
    return float(entropy(np.array(list(counts.values()), dtype=float), base=2)) if counts else 0.0


def _kinds(row: Row) -> tuple[str, str, str]:
    when = row.time or row.provenance.date
    month = when[:7] if len(when) >= 7 and when[:4].isdigit() and when[4] == "-" else ""
    return month, row.provenance.prompt_version, row.provenance.model
