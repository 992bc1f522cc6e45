"""Format a figure in its unit: dollars, shares, points, seconds, or a number with the words of the unit.

A unit is a few words. Some of them say how the number is shown, alone or before more words: ``share``
(0.94 is 94.0%), ``points`` (a difference of shares: 0.012 is +1.2 points), ``USD`` (``USD a month``),
``documents`` and ``calls`` (whole numbers). ``s`` are seconds, ``minutes`` become hours where there are
many. Every other unit follows the number.
"""

from __future__ import annotations

from decimal import Decimal

from insource.foundation.money import show_usd
from insource.report import words
from insource.report.page import Cell, Row, Table
from insource.types import Assumption, Estimate

UNKNOWN = "unknown"
HOURS_FROM = 120  # minutes
SIMULATED = "Monte-Carlo"
FIGURE_COLUMNS = ("Value", "Low", "High", "Confidence", "n", "Method")


def usd(amount: float | Decimal | None) -> str:
    """Format dollars: ``$3.10``, ``−$1,204``, or ``unknown``; an exact amount has its cents."""
    value = words.finite(None if amount is None else float(amount))
    if value is None:
        return UNKNOWN
    whole = abs(value) >= 1_000 and not isinstance(amount, Decimal)
    shown = f"${abs(value):,.0f}" if whole else show_usd(abs(value))
    return f"−{shown}" if value < 0 else shown


def plain(value: float) -> str:
    """Format a number with at least three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 1_000:
        return f"{value:,.0f}".replace("-", "−")
    digits = f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"
    return f"{Decimal(digits):f}".replace("-", "−")


def bare(value: float | None, unit: str) -> str:
    """Format a number without the words of its unit, for a column or an interval."""
    found = words.finite(value)
    if found is None:
        return UNKNOWN
    first = unit.partition(" ")[0]
    if first == "USD":
        return usd(found)
    if first == "share":
        return words.percent(found) if found >= 0 else f"−{words.percent(-found)}"
    if first == "points":
        return words.signed(found * 100) if found else "0"
    if first in ("documents", "calls") and abs(found) >= 1:
        return plain(round(found))
    if unit == "minutes":
        return f"{plain(found)} min" if found < HOURS_FROM else f"{plain(found / 60)} h"
    if unit == "s":
        return words.seconds(found) if found < HOURS_FROM * 60 else f"{plain(found / 3600)} h"
    return plain(found)


def shown(value: float | None, unit: str) -> str:
    """Format a number with its unit: ``94.0%``, ``$12.00 a month``, ``120 documents a month``."""
    text = bare(value, unit)
    if text == UNKNOWN or unit in ("s", "minutes"):
        return text
    first, _, rest = unit.partition(" ")
    said = {"USD": rest, "share": rest, "points": unit}.get(first, unit)
    return f"{text} {said}".strip()


def interval(estimate: Estimate, unit: str) -> str:
    """Format the interval as ``[91.8%, 96.0%]``; empty when there is none."""
    if words.finite(estimate.low) is None and words.finite(estimate.high) is None:
        return ""
    low, high = (_end(end, unit) for end in (estimate.low, estimate.high))
    return f"[{low},{words.NBSP}{high}]"


def described(estimate: Estimate, unit: str) -> str:
    """Format an estimate for a sentence: value, interval, n; or ``unknown`` and why."""
    if words.finite(estimate.value) is None:
        return f"{UNKNOWN}: {reason(estimate)}"
    size = sample(estimate)
    parts = (shown(estimate.value, unit), interval(estimate, unit))
    return ", ".join(filter(None, (" ".join(filter(None, parts)), size)))


def sample(estimate: Estimate) -> str:
    """Return what is behind an estimate: ``n = 400``, ``4,000 draws``, or nothing."""
    if not estimate.n:
        return ""
    return f"{estimate.n:,} draws" if estimate.method.startswith(SIMULATED) else words.sample(estimate.n)


def reason(estimate: Estimate) -> str:
    """Return why an estimate has no value."""
    return estimate.note or estimate.method or "not measured"


def cell(estimate: Estimate, unit: str) -> Cell:
    """Return the value with its interval and n below, or ``unknown`` and why."""
    if words.finite(estimate.value) is None:
        return Cell(UNKNOWN, detail=reason(estimate), muted=True)
    size = sample(estimate)
    below = (interval(estimate, unit), size) if size else (interval(estimate, unit) or estimate.method,)
    return Cell(shown(estimate.value, unit), detail="\n".join(filter(None, below)))


def figure_row(names: Row, estimate: Estimate, unit: str) -> Row:
    """Return one row of a full table of figures: the names, then every part of the estimate."""
    method = "; ".join(filter(None, (estimate.method, estimate.note)))
    size = f"{estimate.n:,}" if estimate.n else "–"
    if words.finite(estimate.value) is None:
        return (*names, UNKNOWN, "–", "–", "–", size, method)
    low, high = (_end(end, unit) for end in (estimate.low, estimate.high))
    confidence = "–" if low == high == "–" else f"{estimate.confidence:.0%}"
    return (*names, shown(estimate.value, unit), low, high, confidence, size, method)


def figure_table(caption: str, names: tuple[str, ...], rows: list[Row]) -> Table:
    """Return a folded table of figures; ``names`` are the heads of the columns before the figures."""
    numeric = tuple(range(len(names), len(names) + len(FIGURE_COLUMNS) - 1))
    return Table(caption, (*names, *FIGURE_COLUMNS), rows, numeric=numeric, folded=True)


def assumed(given: Assumption) -> str:
    """Format the value of an input with its unit."""
    return shown(given.value, given.unit)


def _end(value: float | None, unit: str) -> str:
    return "–" if words.finite(value) is None else bare(value, unit)
