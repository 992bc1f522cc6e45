"""Convert estimates to cells, points and rows, for tables and plots alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from insource.report import vega, words
from insource.report.charts import Point, colour, glyph
from insource.report.page import Cell, LegendKey, Row, Table
from insource.types import Estimate, Evaluation, RunResult

ESTIMATE_COLUMNS = ("Value", "Low", "High", "Confidence", "n", "Method")
ESTIMATE_NUMERIC = (1, 2, 3, 4, 5)


def is_assumed(evaluation: Evaluation) -> bool:
    """Return whether the arm's cost and latency are assumed rather than measured."""
    return evaluation.arm.simulated


def arm_cell(evaluation: Evaluation, *, model: bool = True) -> Cell:
    """Return the arm's name with its badge and, with ``model``, its model below."""
    arm = evaluation.arm
    badge = "simulated cloud" if arm.simulated else ""
    decoding = ", constrained to the schema" if arm.constrained else ""
    return Cell(arm.name, detail=f"{arm.model}{decoding}" if model else "", badge=badge)


def estimate_cell(estimate: Estimate | None, *, ratio: bool = True) -> Cell:
    """Return the value with its interval and n below, or "not measured"."""
    if estimate is None or words.finite(estimate.value) is None:
        return Cell(words.NOT_MEASURED, detail=estimate.note if estimate else "", muted=True)
    return Cell(words.value(estimate, ratio=ratio), detail=words.support(estimate, ratio=ratio))


def estimate_row(names: Row, estimate: Estimate, *, ratio: bool = True) -> Row:
    """Return one row of a full table of estimates: the names, then every part of the estimate."""

    def show(part: float | None) -> str:
        if words.finite(part) is None:
            return "–"
        return words.percent(part) if ratio else words.number(part)

    method = "; ".join(part for part in (estimate.method, estimate.note) if part)
    if words.finite(estimate.value) is None:
        return (*names, words.NOT_MEASURED, "–", "–", "–", f"{estimate.n:,}", method)
    value = words.value(estimate, ratio=ratio)
    confidence = f"{estimate.confidence:.0%}"
    return (*names, value, show(estimate.low), show(estimate.high), confidence, f"{estimate.n:,}", method)


def estimate_table(caption: str, first: str, rows: Sequence[Row]) -> Table:
    """Return a folded table of estimates whose first column names the row."""
    return Table(caption, (first, *ESTIMATE_COLUMNS), rows, numeric=ESTIMATE_NUMERIC, folded=True)


def point(estimate: Estimate, *, series: int = 0, hollow: bool = False) -> Point | None:
    """Return the estimate as a point, or None when it has no finite value."""
    value = words.finite(estimate.value)
    if value is None:
        return None
    return Point(value, words.finite(estimate.low), words.finite(estimate.high), series, hollow)


def arm_legend(
    result: RunResult, evaluations: Sequence[Evaluation], *, numbers: Mapping[int, int] | None = None
) -> tuple[LegendKey, ...]:
    """Return the legend of some arms, whose look is by their place in the result.

    Simulated arms have hollow marks. ``numbers`` are those beside the marks, by that place.
    """
    places = {evaluation.arm.name: place for place, evaluation in enumerate(result.evaluations)}
    keys = []
    for evaluation in evaluations:
        place, label = places[evaluation.arm.name], words.arm_label(evaluation.arm)
        number = f"{numbers[place]} · " if numbers else ""
        mark = glyph(place, hollow=is_assumed(evaluation))
        keys.append(LegendKey(colour(place), mark, f"{number}{label}"))
    return tuple(keys)


def difference_cell(estimate: Estimate, *, ratio: bool = True) -> Cell:
    """Return a difference in points with its interval and n below, or "not measured"."""
    if words.finite(estimate.value) is None:
        return Cell(words.NOT_MEASURED, detail=estimate.note, muted=True)
    value, _, interval = words.gap(estimate, ratio=ratio).partition(" ")
    below = f"{interval.replace(' ', words.NBSP) or 'no interval'}\n{words.sample(estimate.n)}"
    return Cell(value, detail=below)


def difference_axis(title: str, values: Sequence[float], *, ratio: bool = True) -> vega.Axis:
    """Return an axis of differences around zero, labelled in points or in the unit of the metric."""
    if not ratio:
        reach = max(map(abs, values)) * 1.1 or 1.0
        return vega.Axis(title, (min(0.0, *values, -0.1 * reach), max(0.1 * reach, *values)), format="+~r")
    axis = vega.ratio_axis(title, values, floor=-1.0, ceiling=1.0)
    points = "datum.value == 0 ? '0' : format(datum.value * 100, '+~r')"
    return vega.Axis(f"{title}, points", axis.domain, expression=points)
