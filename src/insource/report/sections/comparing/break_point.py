"""The section on the break point: from which difficulty the candidate falls below the other arm."""

from __future__ import annotations

from insource.report import charts, vega, words
from insource.report.page import Plot, Row, Section, Table
from insource.report.sections.estimates import difference_cell, point
from insource.types import RunResult
from insource.types.comparison import BreakPoint


def break_points(result: RunResult) -> Section | None:
    """Return the section with one plot per measure of difficulty; those with too few documents are said."""
    if not result.break_points:
        return None
    drawn = [found for found in result.break_points if len(found.points) > 1]
    lead = tuple(found.sentence for found in result.break_points if found not in drawn)
    plots = tuple(_plot(result, found) for found in drawn)
    return Section("break-point", "From which difficulty does it fall behind?", lead, plots)


def _plot(result: RunResult, found: BreakPoint) -> Plot:
    metric, labels = words.metric(found.metric, result.gold), words.arm_labels(result)
    ours, theirs = (labels.get(name, name) for name in (found.candidate, found.baseline))
    level = found.margin if metric.lower_is_better else -found.margin
    marks = [
        charts.Mark("", one.centre, drawn)
        for one in found.points
        if (drawn := point(one.difference, series=0))
    ]
    line = charts.Line(
        "fitted", tuple(one.centre for one in found.points[: len(found.fitted)]), found.fitted, 1
    )
    ends = [*charts.bounds(mark.point for mark in marks), *found.fitted, level, 0.0]
    lows, highs = [one.low for one in found.points], [one.high for one in found.points]
    x_axis = vega.Axis(
        f"{found.difficulty.capitalize()}, {found.unit}", (min(lows), max(highs)), format=",~r"
    )
    span = vega.ratio_axis("", ends, floor=-1.0, ceiling=1.0)
    expression = "datum.value == 0 ? '0' : format(datum.value * 100, '+~r')"
    y_axis = vega.Axis("Difference, points", span.domain, expression=expression)
    rules = _crossing(found)
    return Plot(
        question=f"Does {ours} fall behind {theirs} with {found.difficulty}?",
        answer=found.sentence,
        caption=_caption(found, ours, theirs, words.inside(metric.label)),
        draw=lambda width: charts.steps(marks, line, rules, x_axis, y_axis, level=level, width=width),
        table=Table(
            "The data",
            (f"{found.difficulty.capitalize()}, {found.unit}", "Documents", "Difference", "Fitted"),
            _rows(found, ratio=metric.ratio),
            (1, 2, 3),
            folded=True,
        ),
    )


def _crossing(found: BreakPoint) -> list[charts.RuleLine]:
    at = words.finite(found.at.value)
    if found.status != "found" or at is None:
        return []
    return [charts.RuleLine(f"break point: {at:,.3g} {found.unit}", at, found.at.low, found.at.high)]


def _caption(found: BreakPoint, ours: str, theirs: str, metric: str) -> str:
    total = sum(one.n for one in found.points)
    crossing = ""
    if found.status == "found":
        crossing = f" The vertical line is the break point, shaded its {found.at.confidence:.0%} interval."
    methods = words.methods([found.at, *(one.difference for one in found.points)])
    return (
        f"{ours} minus {theirs} in {metric}, by difficulty in {len(found.points)} bins, "
        f"n = {total:,} documents; {found.points[0].difference.confidence:.0%} intervals. The line is the "
        f"monotone fit, the dashed line a loss of the margin, {found.margin * 100:.1f} points.{crossing} "
        f"Method: {methods}."
    )


def _rows(found: BreakPoint, *, ratio: bool) -> list[Row]:
    fitted = [*found.fitted, *[None] * (len(found.points) - len(found.fitted))]
    return [
        (
            f"{one.low:,.3g} to {one.high:,.3g}",
            f"{one.n:,}",
            difference_cell(one.difference, ratio=ratio),
            "–" if fit is None else words.signed(fit * (100 if ratio else 1)),
        )
        for one, fit in zip(found.points, fitted, strict=True)
    ]
