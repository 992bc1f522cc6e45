"""The section with the picture of the options: what each saves, and at what difference of quality."""

from __future__ import annotations

from insource.report import charts, units, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.report.sections.deciding.options import difference, difference_unit, horizon_months
from insource.report.sections.estimates import difference_axis
from insource.report.sections.estimates import point as estimate_point
from insource.types.decided import Decision, RankedOption

USD = "(datum.value < 0 ? '−$' : '$') + format(abs(datum.value), ',~s')"


def trade_off(decision: Decision) -> Section | None:
    """Return the section with the options in the plane of difference and saving; None without two of them."""
    drawn = [(rank, one) for rank, one in enumerate(decision.options, 1) if _drawn(one)]
    if len(drawn) < 2:
        return None
    ratio = difference_unit(drawn[0][1]) == "points"
    marks = [mark for rank, one in drawn if (mark := _mark(rank, one)) is not None]
    along = [end for mark in marks for end in (mark.x, mark.low, mark.high) if end is not None]
    x_axis = difference_axis("Difference from today", [*along, 0.0], ratio=ratio)
    y_axis = _dollars([*charts.bounds([mark.point for mark in marks]), 0.0], horizon_months(decision))
    today = [charts.RuleLine("as good as today", 0.0)]
    rows: list[Row] = [
        (f"{rank}. {one.name}", difference(one), units.cell(one.saves, "USD"), one.standing)
        for rank, one in drawn
    ]
    plot = Plot(
        question="What does each option save, and at what quality?",
        answer=_answer(decision),
        caption=_caption(decision, len(drawn)),
        draw=lambda width: charts.scatter(
            marks, x_axis, y_axis, width=width, level=("costs what today costs", 0.0), rules=today
        ),
        table=Table(
            "The data", ("Option", "Difference from today", "Saves", "As good as today"), rows, (1, 2), True
        ),
        legend=tuple(
            LegendKey(
                charts.colour(rank - 1),
                charts.glyph(rank - 1, hollow=one.standing in ("fails", "ruled out")),
                f"{rank} · {one.name}",
            )
            for rank, one in drawn
        ),
    )
    return Section("trade-off", "Money against quality", blocks=(plot,))


def _drawn(one: RankedOption) -> bool:
    return words.finite(one.difference.value) is not None and words.finite(one.saves.value) is not None


def _mark(rank: int, one: RankedOption) -> charts.Mark | None:
    point = estimate_point(one.saves, series=rank - 1, hollow=one.standing in ("fails", "ruled out"))
    gap = words.finite(one.difference.value)
    if point is None or gap is None:
        return None
    low, high = words.finite(one.difference.low), words.finite(one.difference.high)
    return charts.Mark(one.name, gap, point, low, high, number=rank)


def _dollars(values: list[float], months: int | None) -> vega.Axis:
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or 1.0
    title = f"Saves in {months} months" if months else "Saves"
    return vega.Axis(title, (low - pad, high + pad), expression=USD)


def _answer(decision: Decision) -> str:
    best = decision.options[0]
    if not _drawn(best):
        return f"The best option, {best.name}, is not in the picture: a figure of it is unknown."
    gap, saved = difference(best), units.shown(best.saves.value, "USD")
    return f"{best.name} saves {saved} and differs from today by {gap.text}."


def _caption(decision: Decision, drawn: int) -> str:
    left = [one.name for one in decision.options if not _drawn(one)]
    parts = [
        "Up saves more, right is better. Whiskers are 95 % intervals. Hollow: worse than today, or ruled out."
    ]
    if left:
        parts.append(f"Not drawn, because a figure is unknown: {words.listed(left)}.")
    return " ".join(parts)
