"""The section on money: the bill of the headline option beside the reference's, and the saving by month."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from insource.report import charts, units, vega
from insource.report.page import Block, Bullets, Cell, LegendKey, Plot, Row, Section, Table
from insource.report.sections.deciding.trade_off import USD
from insource.types.decided import Decision
from insource.types.economics import CostLine, Costs, Economics


def bill(decision: Decision) -> Section | None:
    """Return the section with start, month and end, and the cumulative saving; None without economics."""
    own = decision.own
    if own is None or own.economics is None:
        return None
    found = own.economics
    blocks: list[Block] = []
    if found.costs is not None and found.against_costs is not None:
        blocks.append(_table(found.costs, found.against_costs))
    if found.saving_usd_by_month:
        blocks.append(_cumulative(found))
    if found.unknown:
        blocks.append(Bullets("Unknown, so no figure that needs it is calculated", found.unknown))
    if found.uncounted:
        blocks.append(Bullets("In no bill", found.uncounted))
    return Section("bill", f"What does {found.option} cost?", _lead(found), tuple(blocks))


def _lead(found: Economics) -> tuple[str, ...]:
    quoted = () if found.quote is None else (found.quote.sentence,)
    return (*(sentence for sentence in found.sentences if sentence not in quoted), *quoted)


def _table(own: Costs, other: Costs) -> Table:
    rows: list[Row] = []
    for when, mine, theirs in (
        ("at the start", own.start, other.start),
        ("each month", own.month, other.month),
        ("at the end", own.end, other.end),
    ):
        names = dict.fromkeys([line.name for line in (*mine, *theirs)])
        rows += [(name, when, _line(mine, name), _line(theirs, name)) for name in names]
        sums = [sum((line.usd for line in lines), Decimal(0)) for lines in (mine, theirs)]
        if len(names) > 1:
            rows.append((Cell("", badge="sum"), when, *map(units.usd, sums)))
    rows.append(("machines", "in the busiest hours", f"{own.machines:,}", f"{other.machines:,}"))
    caption = "The bill, at today's volume and prices; hardware is written off by the month"
    return Table(caption, ("Line", "When", own.option, other.option), rows, (2, 3))


def _line(lines: tuple[CostLine, ...], name: str) -> str:
    found = [line.usd for line in lines if line.name == name]
    return units.usd(sum(found, Decimal(0))) if found else "–"


def _cumulative(found: Economics) -> Plot:
    start = Decimal(0)
    if found.costs is not None and found.against_costs is not None:
        start = found.against_costs.start_usd - found.costs.start_usd
    totals = [*accumulate(found.saving_usd_by_month, initial=start)]
    months = tuple(float(month) for month in range(len(totals)))
    values = tuple(map(float, totals))
    low, high = min(*values, 0.0), max(*values, 0.0)
    pad = (high - low) * 0.06 or 1.0
    x_axis = vega.Axis("Month", (0.0, float(len(totals) - 1)), format="~r")
    y_axis = vega.Axis("Saved so far", (low - pad, high + pad), expression=USD)
    lines = (
        charts.Line("saved so far", months, values, series=0),
        charts.Line("nothing saved", (months[0], months[-1]), (0.0, 0.0), series=5, dashed=True),
    )
    rows: list[Row] = [
        (f"{month:,}", units.usd(saved), units.usd(total))
        for month, (saved, total) in enumerate(
            zip(found.saving_usd_by_month, totals[1:], strict=True), start=1
        )
    ]
    return Plot(
        question="What is saved by which month?",
        answer=_answer(found, totals[-1]),
        caption=f"At the stated values, against {found.against}, as it is paid: not discounted, hardware in "
        "the month in which it is bought, without what the end costs. Payback is discounted.",
        draw=lambda width: charts.line_plot(lines, _rules(found), x_axis, y_axis, width=width),
        table=Table("The data", ("Month", "Saved in it", "Saved so far"), rows, (0, 1, 2), folded=True),
        legend=(LegendKey(charts.colour(0), "━", f"saved by {found.option}"),),
    )


def _answer(found: Economics, total: Decimal) -> str:
    said = f"{units.usd(total)} after {found.horizon_months} months, not discounted."
    paid = found.payback
    if paid is None:
        return said
    if paid.month is None:
        return f"{said} It does not pay back."
    lost = f" and loses that in month {paid.lost_in_month}" if paid.lost_in_month else ""
    return f"{said} Discounted, it pays back in month {paid.month}{lost}."


def _rules(found: Economics) -> list[charts.RuleLine]:
    paid = found.payback
    named = () if paid is None else (("paid back", paid.month), ("lost again", paid.lost_in_month))
    return [charts.RuleLine(f"{name}: month {month}", float(month)) for name, month in named if month]
