"""The section on quality: the estimate without labels and the audits, window by window."""

from __future__ import annotations

from collections.abc import Sequence

from insource.lifecycle.monitoring.alerts import figure
from insource.report import charts, vega
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.types import Estimate
from insource.types.monitoring import Check

ESTIMATED, AUDITED = 0, 1
NO_PROBABILITIES = (
    "The confidences of this version are not calibrated, so the estimate is an index: its changes mean "
    "something, its level does not, and it raises no alert."
)


def quality(checks: Sequence[Check]) -> Section | None:
    """Return the share of right answers among those served here, estimated and audited."""
    found = [
        (place, check) for place, check in enumerate(checks, start=1) if check.quality or check.agreement
    ]
    if not found:
        return None
    newest = found[-1][1]
    lead = [] if newest.quality is None or newest.quality.calibrated else [NO_PROBABILITIES]
    return Section("quality", "Are the answers still right?", tuple(lead), (_plot(found),))


def _plot(found: Sequence[tuple[int, Check]]) -> Plot:
    marks = [mark for place, check in found for mark in _marks(place, check)]
    values = charts.bounds(mark.point for mark in marks)
    target = next((c.quality.target for _, c in reversed(found) if c.quality), None)
    y_axis = vega.ratio_axis("Share of right answers", [*values, *([target] if target is not None else [])])
    last = found[-1][0]
    x_axis = vega.Axis("Window", (0.5, max(last, 2) + 0.5), format="d")
    lines = (
        [charts.Line("promised", (0.5, max(last, 2) + 0.5), (target, target), series=2, dashed=True)]
        if target
        else []
    )
    newest = found[-1][1]
    said = [
        f"estimated {figure(newest.quality.estimate.value, 'ratio')}" if newest.quality else "",
        f"audited {figure(_right(newest.agreement.wrong).value, 'ratio')}" if newest.agreement else "",
    ]
    return Plot(
        question="What share of the answers served here is right?",
        answer=f"In the newest window: {', '.join(filter(None, said))}.",
        caption="The estimate needs no labels; the audits are against the cloud, since its start.",
        draw=lambda width: charts.line_plot(lines, [], x_axis, y_axis, width=width, marks=marks),
        table=_table(found),
        legend=tuple(
            LegendKey(charts.colour(series), charts.glyph(series), label)
            for series, label in ((ESTIMATED, "estimated without labels"), (AUDITED, "audited"))
        ),
    )


def _marks(place: int, check: Check) -> list[charts.Mark]:
    shown = []
    if check.quality is not None:
        shown.append((ESTIMATED, place - 0.08, check.quality.estimate))
    if check.agreement is not None:
        shown.append((AUDITED, place + 0.08, _right(check.agreement.wrong)))
    return [
        charts.Mark("", x, charts.Point(one.value, one.low, one.high, series))
        for series, x, one in shown
        if one.value is not None
    ]


def _right(wrong: Estimate) -> Estimate:
    ends = {
        "value": None if wrong.value is None else 1 - wrong.value,
        "low": None if wrong.high is None else 1 - wrong.high,
        "high": None if wrong.low is None else 1 - wrong.low,
    }
    return wrong.model_copy(update=ends)


def _table(found: Sequence[tuple[int, Check]]) -> Table:
    rows: list[Row] = [
        (
            f"{place}",
            _shown(check.quality.estimate if check.quality else None),
            _shown(_right(check.agreement.wrong) if check.agreement else None),
        )
        for place, check in found
    ]
    columns = ("Window", "Estimated", "Audited")
    return Table("Each window", columns, rows, numeric=(1, 2), folded=True)


def _shown(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return figure(estimate.value, "ratio")
    value, low, high = (figure(end, "ratio") for end in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"
