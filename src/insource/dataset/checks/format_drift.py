"""Find fields whose format changed: since a month, with a prompt version, or with a model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.dataset.checks.check import Check, Context, checked_table
from insource.dataset.checks.row_view import RowView, replaced
from insource.dataset.checks.value_shape import MAX_SHAPE, is_date, rewritten, shape_of
from insource.types import Dropped, Finding, Fix, Labels, Row

MIN_SIDE = 20
"""Labels before and after a change, of a version and of the rest."""

MIN_MOVED = 0.1
"""Total variation distance between the shapes of two sides: the share that is written otherwise."""

ALPHA = 0.001
"""Level of the test that a field has drifted, divided by the comparisons made (Bonferroni)."""

MAX_TERMS = 500
TERM_ROWS = 10
"""A field of at most 500 values, each standing 10 times on average, is one of terms."""

AS_USUAL = "<as usual>"
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
    """Compares the shapes of a field's values before and after each month, and by prompt version and model.

    Shapes are runs of digits and letters, as in ``9999-99-99`` and ``9 A``. The two sides are compared by the
    chi-squared test, and at least a tenth of the values must have moved. Of labels and terms only the
    spelling is compared, each with the usual one of the same term: a class that becomes more common is no
    change of format.
    """

    name = "format-drift"
    title = "Format drift"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._shapes: dict[str, Counter[str]] = {}
        self._by: dict[tuple[str, str], _Counts] = defaultdict(lambda: defaultdict(Counter))
        self._terms: dict[str, dict[str, Counter[str]] | None] = {}
        self._known = False
        self._drifted: dict[str, Drift] = {}

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        kinds = _kinds(row)
        self._known = self._known or bool(kinds)
        for path, value in view.leaves:
            if isinstance(value, bool) or (path not in self._shapes and len(self._shapes) >= MAX_FIELDS):
                continue
            shapes = self._shapes.setdefault(path, Counter())
            if len(shapes) > MAX_SHAPES:
                continue
            shape = shape_of(value)
            shapes[shape] += 1
            self._add(path, kinds, shape)
            terms = self._terms.setdefault(path, {})
            if terms is None:
                continue
            terms.setdefault(_term(value), Counter())[shape] += 1
            if len(terms) > MAX_TERMS:
                self._terms[path] = None

    def finding(self) -> Finding:
        if not self._known:
            return self.skip("no row has a time, a prompt version or a model")
        shaped = {path: counts for path, counts in self._shapes.items() if len(counts) <= MAX_SHAPES}
        self._drifted = self._drifts(shaped)
        if terms := {path: usual for path in self._drifted if (usual := self._usual_terms(path))}:
            self._recount(terms)
            self._drifted = self._drifts(shaped)
        table, changeable = self._count()
        words = "; ".join(
            f"{drift.path} {drift.where} ({100 * drift.moved:.0f} % moved)"
            for drift in self._drifted.values()
        )
        summary = f"{len(self._drifted)} of {len(shaped)} fields changed their format"
        fix = Fix(
            action="change",
            summary="write the values in the field's commonest shape where that says the same",
            parameters={"shapes": table},
            rows=changeable,
        )
        return self.report(
            f"{summary}: {words}" if words else summary,
            fix=fix if table else None,
            measures={
                "entropy_bits": {path: round(_bits(counts), 4) for path, counts in sorted(shaped.items())},
                "changes": [drift._asdict() for drift in self._drifted.values()],
            },
        )

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        table = checked_table(self.name, "shapes", parameters)

        def change(path: str, value: Any) -> Any:
            target = table.get(path, {}).get(shape_of(value)) if isinstance(value, str) else None
            return value if target is None else rewritten(value, target)

        return replaced(row, change)

    def _add(self, path: str, kinds: Iterable[tuple[str, str]], shape: str) -> None:
        for dimension, kind in kinds:
            counts = self._by[path, dimension]
            if kind in counts or len(counts) < MAX_KINDS:
                counts[kind][shape] += 1

    def _drifts(self, paths: Iterable[str]) -> dict[str, Drift]:
        """By field its clearest change, of those that are neither chance nor small."""
        candidates = [drift for path in sorted(paths) for drift in self._candidates(path)]
        level = ALPHA / max(1, len(candidates))
        drifted: dict[str, Drift] = {}
        for drift in sorted(candidates, key=lambda one: (one.p_value, -one.moved, one.where)):
            if drift.p_value <= level and drift.moved >= MIN_MOVED:
                drifted.setdefault(drift.path, drift)
        return drifted

    def _usual_terms(self, path: str) -> dict[str, str] | None:
        """Return the usual shape of each term; None for a field that is not one of terms."""
        terms = self._terms[path]
        labels = isinstance(self.context.output, Labels)
        if terms is None or not (labels or len(terms) * TERM_ROWS <= self._shapes[path].total()):
            return None
        return {term: _commonest(shapes) for term, shapes in terms.items()}

    def _recount(self, terms: Mapping[str, Mapping[str, str]]) -> None:
        """Count the fields of terms anew, what is written as its term usually is under one name."""
        for path in terms:
            for dimension in _DIMENSIONS:
                self._by.pop((path, dimension), None)
        for row in self.context.rows:
            for path, value in self.context.view(row).leaves:
                if path not in terms or isinstance(value, bool):
                    continue
                shape = shape_of(value)
                usual = not is_date(shape) and terms[path].get(_term(value)) == shape
                self._add(path, _kinds(row), AS_USUAL if usual else shape)

    def _count(self) -> tuple[dict[str, dict[str, str]], int]:
        """Read the rows again: count unusual shapes, and return those that can be rewritten, and the rows."""
        changeable = 0
        table: dict[str, dict[str, str]] = {}
        usual = {path: _commonest(self._shapes[path]) for path in self._drifted}
        for row in self.context.rows if self._drifted else ():
            hit, mends = "", False
            for path, value in self.context.view(row).leaves:
                if path not in usual or isinstance(value, bool) or (shape := shape_of(value)) == usual[path]:
                    continue
                if shape in self._drifted[path].shapes:
                    hit = hit or f"{path}: {str(value)[:40]!r} is {shape!r}, usual is {usual[path]!r}"
                if isinstance(value, str) and rewritten(value, usual[path]) != value:
                    table.setdefault(path, {})[shape] = usual[path]
                    mends = True
            changeable += mends
            if hit:
                self.hits.add(row, hit)
        return {path: dict(sorted(shapes.items())) for path, shapes in sorted(table.items())}, changeable

    def _candidates(self, path: str) -> Iterator[Drift]:
        """Yield every division of a field in two: by month, and each version or model against the rest."""
        for dimension in _DIMENSIONS:
            counts = self._by.get((path, dimension), {})
            kinds, order = sorted(counts), sorted(set().union(*counts.values()))
            table = np.array([[counts[kind][shape] for shape in order] for kind in kinds], dtype=float)
            for place in range(len(kinds)):
                if dimension == "month":
                    left, right = table[:place].sum(axis=0), table[place:].sum(axis=0)
                    where = f"since {kinds[place]}"
                else:
                    left, right = table.sum(axis=0) - table[place], table[place]
                    where = f"by {dimension} {kinds[place]}"
                if len(order) > 1 and min(left.sum(), right.sum()) >= MIN_SIDE:
                    yield _compared(path, where, order, left, right)


def _compared(
    path: str, where: str, order: list[str], left: NDArray[np.float64], right: NDArray[np.float64]
) -> Drift:
    change = right / right.sum() - left / left.sum()
    seen = (left + right) > 0
    p_value = 1.0
    if seen.sum() > 1:
        from scipy.stats import chi2_contingency  # half of what loading a build would take

        p_value = float(chi2_contingency(np.array([left[seen], right[seen]]), correction=False).pvalue)
    moved = {shape: float(c) for shape, c in zip(order, change, strict=True) if abs(c) >= MIN_MOVED / 2}
    return Drift(path, where, float(np.abs(change).sum() / 2), p_value, moved)


def _bits(counts: Counter[str]) -> float:
    """Return the entropy of the shapes, in bits."""
    if not counts:
        return 0.0
    shares = np.array(list(counts.values()), dtype=float) / counts.total()
    return float(-(shares * np.log2(shares)).sum()) + 0.0  # no negative zero


def _commonest(shapes: Counter[str]) -> str:
    return min(shapes, key=lambda shape: (-shapes[shape], shape))


def _term(value: Any) -> str:
    """Return what a value says whatever its case and separators."""
    return "".join(filter(str.isalnum, str(value)[:MAX_SHAPE])).casefold()


def _kinds(row: Row) -> list[tuple[str, str]]:
    """Return the row's month, prompt version and model, as far as they are known."""
    when = row.time or row.provenance.date
    month = when[:7] if len(when) >= 7 and when[:4].isdigit() and when[4] == "-" else ""
    kinds = (month, row.provenance.prompt_version, row.provenance.model)
    return [(name, kind) for name, kind in zip(_DIMENSIONS, kinds, strict=True) if kind]
