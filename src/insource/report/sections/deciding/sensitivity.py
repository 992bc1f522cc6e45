"""The section with the tornado of the headline option: which input moves the result, and which flips it."""

from __future__ import annotations

from collections.abc import Sequence

from insource.report import charts, units, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.report.sections.deciding.trade_off import USD
from insource.types.decided import Decision
from insource.types.economics import Economics, Swing

SHOWN = 10  # rows of the picture; the table has all
NAMED = 4  # inputs in a sentence


def sensitivity(decision: Decision) -> Section | None:
    """Return the section with the inputs of the headline option by their swing; None without any."""
    own = decision.own
    found = own.economics if own else None
    if found is None or not found.tornado or found.npv_exact_usd is None:
        return None
    shown = found.tornado[:SHOWN]
    ends = [float(end) for swing in shown for end in (swing.npv_low_usd, swing.npv_high_usd)]
    stated = float(found.npv_exact_usd)
    axis = _axis([*ends, stated, 0.0], found)
    rows: list[Row] = [_row(swing) for swing in found.tornado]
    columns = ("Input", "Now", "Range", "At its low end", "At its high end", "Flips below", "Flips above")
    plot = Plot(
        question=f"What would change the answer for {found.option}?",
        answer=_answer(found),
        caption=f"Net present value of {found.option} against {found.against} over {found.horizon_months} "
        f"months, with each input at the ends of its range and all others as stated ({units.usd(stated)}). "
        "Left of the line at $0 it does not pay. A diamond stands where the input flips the answer within "
        "its range." + (f" The {SHOWN} widest of {len(found.tornado)}." if len(shown) < len(rows) else ""),
        draw=lambda width: charts.tornado([_bar(swing) for swing in shown], axis, width=width, stated=stated),
        table=Table("The data, every input", columns, rows, (1, 2, 3, 4, 5, 6), folded=True),
        legend=_legend(shown),
    )
    return Section("sensitivity", "What would change the answer?", blocks=(plot,))


def flip_words(swing: Swing) -> str:
    """Return where an input flips the answer: ``flips above 594,120``; empty where it never does."""
    found = (("below", swing.flips_below), ("above", swing.flips_above))
    parts = [f"{side} {units.plain(end)}" for side, end in found if end is not None]
    return f"flips {' or '.join(parts)}" if parts else ""


def _legend(shown: Sequence[Swing]) -> tuple[LegendKey, ...]:
    keys = (
        LegendKey(charts.colour(0), "■", "at the low end of the input"),
        LegendKey(charts.colour(1), "■", "at the high end of the input"),
    )
    flips = LegendKey("var(--ink)", "◆", "the answer flips here")
    return (*keys, flips) if any(map(_flips_within, shown)) else keys


def _bar(swing: Swing) -> charts.SwingBar:
    return charts.SwingBar(
        swing.input.name,
        float(swing.npv_low_usd),
        float(swing.npv_high_usd),
        note=flip_words(swing) or "does not flip",
        flips=_flips_within(swing),
    )


def _flips_within(swing: Swing) -> bool:
    """Return whether a threshold lies within the range of its input."""
    below, above, low, high = swing.flips_below, swing.flips_above, swing.input.low, swing.input.high
    return (below is not None and low is not None and low <= below) or (
        above is not None and high is not None and above <= high
    )


def _row(swing: Swing) -> Row:
    given = swing.input
    low, high = (None if end is None else units.plain(end) for end in (given.low, given.high))
    return (
        given.name,
        units.assumed(given),
        "exact" if low is None or high is None else f"{low} to {high}",
        units.usd(swing.npv_low_usd),
        units.usd(swing.npv_high_usd),
        "–" if swing.flips_below is None else units.plain(swing.flips_below),
        "–" if swing.flips_above is None else units.plain(swing.flips_above),
    )


def _answer(found: Economics) -> str:
    widest = found.tornado[0]
    ends = sorted((widest.npv_low_usd, widest.npv_high_usd))
    flipping = [swing.input.name for swing in found.tornado if _flips_within(swing)]
    said = f"{widest.input.name} moves it most: from {units.usd(ends[0])} to {units.usd(ends[1])}."
    if not flipping:
        return f"{said} No input flips it within its range."
    named = [*flipping[:NAMED], *([f"{len(flipping) - NAMED} more"] if len(flipping) > NAMED else [])]
    return f"{said} Within its range, each of these alone flips it: {words.listed(named)}."


def _axis(values: list[float], found: Economics) -> vega.Axis:
    low, high = min(values), max(values)
    pad = (high - low) * 0.04 or 1.0
    return vega.Axis(f"Net present value against {found.against}", (low - pad, high + pad), expression=USD)
