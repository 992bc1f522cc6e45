"""The sections on drift: whether documents are told apart window by window, and what moved in the newest."""

from __future__ import annotations

from collections.abc import Sequence

from insource.lifecycle.monitoring.alerts import figure
from insource.report import charts, vega
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.types.monitoring import Check, Described, Shift

ALIKE, MOVED = 0, 1
EXPLAINS = (
    "One test decides: a classifier that tries to tell the documents of a window from those of the "
    "reference. The features and slices below explain; by themselves they raise no alert."
)


def inputs(checks: Sequence[Check]) -> Section | None:
    """Return how well documents are told apart, with the features and slices of the newest check."""
    found = [(place, check) for place, check in enumerate(checks, start=1) if check.inputs is not None]
    if not found:
        return None
    newest = found[-1][1].inputs
    assert newest is not None
    blocks: list[Plot | Table] = [_plot(found)]
    if newest.features:
        blocks.append(_shifts("Features of the documents", "Feature", newest.features))
    if newest.words:
        blocks.append(_described(newest.words))
    if newest.slices:
        blocks.append(_shifts("Slices, as shares of the documents", "Slice", newest.slices))
    return Section("inputs", "Are the documents still the same?", (EXPLAINS,), tuple(blocks))


def behaviour(checks: Sequence[Check]) -> Section | None:
    """Return every figure of what the model does, in the reference and in the newest window."""
    found = next((check.behaviour for check in reversed(checks) if check.behaviour is not None), None)
    if found is None:
        return None
    table = _shifts("Every figure, the surest shift first", "Figure", found.shifts)
    lead = (
        f"All figures together raise a false alert in at most {figure(found.alpha, 'ratio')} of the windows "
        "(Holm).",
    )
    return Section("behaviour", "Does the model still do what it did?", lead, (table,))


def _plot(found: Sequence[tuple[int, Check]]) -> Plot:
    marks = []
    rows: list[Row] = []
    for place, check in found:
        drift = check.inputs
        if drift is None or drift.auroc.value is None:
            continue
        auroc = drift.auroc
        point = charts.Point(
            auroc.value or 0.0, auroc.low, auroc.high, series=MOVED if drift.moved else ALIKE
        )
        marks.append(charts.Mark("", place, point))
        rows.append(
            (f"{place}", f"{auroc.value:.3f}", f"{drift.p_value:.2g}", "moved" if drift.moved else "–")
        )
    newest = found[-1][1].inputs
    assert newest is not None
    last = max(found[-1][0], 2)
    values = charts.bounds(mark.point for mark in marks)
    y_axis = vega.Axis("AUROC", (min(0.45, *values), max(0.6, *values)), format=".2f")
    x_axis = vega.Axis("Window", (0.5, last + 0.5), format="d")
    chance = charts.Line("not told apart", (0.5, last + 0.5), (0.5, 0.5), series=2, dashed=True)
    told = "are told apart" if newest.moved else "are not told apart beyond chance"
    return Plot(
        question="Can a classifier tell recent documents from those of the reference?",
        answer=f"In the newest window they {told}: p = {newest.p_value:.2g}, alert at {newest.alpha:.2g}.",
        caption="AUROC on held-out documents with its 95 % interval; the dashed line at 0.5 is chance.",
        draw=lambda width: charts.line_plot([chance], [], x_axis, y_axis, width=width, marks=marks),
        table=Table("Each window", ("Window", "AUROC", "p", ""), rows, numeric=(1, 2), folded=True),
        legend=tuple(
            LegendKey(charts.colour(series), charts.glyph(series), label)
            for series, label in ((ALIKE, "alike"), (MOVED, "moved"))
        ),
    )


def _described(found: Sequence[Described]) -> Table:
    rows: list[Row] = [
        (one.name, figure(one.reference, one.unit), figure(one.live, one.unit)) for one in found
    ]
    caption = "Words against those of the reference: described, not tested, and larger without a drift, too"
    return Table(caption, ("Words", "Reference", "Window"), rows, numeric=(1, 2))


def _shifts(caption: str, first: str, shifts: Sequence[Shift]) -> Table:
    rows: list[Row] = [
        (
            shift.name,
            figure(shift.reference, shift.unit),
            figure(shift.live, shift.unit),
            f"{shift.p_value:.2g}",
            "moved" if shift.moved else "–",
        )
        for shift in shifts
    ]
    return Table(caption, (first, "Reference", "Window", "p, adjusted", ""), rows, numeric=(1, 2, 3))
