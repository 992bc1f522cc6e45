"""The economics in sentences, each made from the estimates of the result alone."""

from __future__ import annotations

import math

from insource.foundation.money import show_usd
from insource.types import Assumption, Estimate
from insource.types.economics import Economics

SHOWN = 3  # thresholds in a sentence


def sentences(found: Economics) -> tuple[str, ...]:
    """Return the sentences of a result whose inputs are all known."""
    quoted = found.quote.sentence if found.quote else ""
    said = (_costs(found), _break_even(found), _payback(found), _lost(found), _nearest(found), quoted)
    return tuple(filter(None, said))


def _costs(found: Economics) -> str:
    costs = [cost for cost in (found.costs, found.against_costs) if cost is not None]
    known = [cost for cost in costs if cost.per_1000_correct.value is not None]
    named = (f"{_money(cost.per_1000_correct)} with {cost.option}" for cost in known)
    return f"1,000 correct documents cost {', and '.join(named)}." if known else ""


def _break_even(found: Economics) -> str:
    needed, volume = found.break_even, found.volume
    if needed.value is None:
        return f"No volume breaks even: {needed.note}."
    less = f"A month of {found.option} costs less than one of {found.against} from"
    if needed.value < 1:
        return f"{less} the first document on."
    if volume.value is None:
        return ""
    relation = "above" if volume.value >= needed.value else "below"
    between = f" ({needed.low:,.0f} to {needed.high:,.0f})" if _has_both(needed) else ""
    return (
        f"{less} {needed.value:,.0f} documents{between} on; {volume.value:,.0f} a month are {relation} that."
    )


def _payback(found: Economics) -> str:
    paid, npv, stated = found.payback_probability, found.npv_usd, found.npv_exact_usd
    if paid.value is None or stated is None:
        return ""
    verb = "saves" if stated >= 0 else "loses"
    ranged = f"; over the ranges the median is {_signed(npv.value)} ({_range(npv)})" if _has_both(npv) else ""
    return (
        f"Over {found.horizon_months} months it {verb} {show_usd(abs(stated))} at the stated values, "
        f"discounted{ranged}. It has paid back by then in {_percent(paid.value)} of {found.draws:,} draws."
    )


def _lost(found: Economics) -> str:
    paid = found.payback
    if paid is None or paid.month is None or paid.lost_in_month is None:
        return ""
    last = "has it back at the end" if paid.kept else "does not get it back"
    return (
        f"It pays back in month {paid.month} and loses that again in month {paid.lost_in_month}; it {last}."
    )


def _nearest(found: Economics) -> str:
    """Return what would turn it around: inputs within their ranges, else the one that takes the least."""
    flips = [
        (swing.input, word, end)
        for swing in found.tornado
        for word, end in (("below", swing.flips_below), ("above", swing.flips_above))
        if end is not None
    ]
    turns = "it no longer pays" if (found.npv_exact_usd or 0) >= 0 else "it pays"
    if not flips:
        return "No single input turns that around."
    within = [flip for flip in flips if _inside(*flip)]
    if not within:
        least = min(flips, key=lambda flip: _distance(flip[0].value, flip[2]))
        return f"No input turns that around within its range; the nearest is {_flip(*least)}: there {turns}."
    listed = " or ".join(_flip(*flip) for flip in within[:SHOWN])
    more = f"; the tornado has {len(within) - SHOWN} more" if len(within) > SHOWN else ""
    return f"Alone, {listed} turns that around: there {turns}{more}."


def _inside(given: Assumption, word: str, end: float) -> bool:
    reach = given.low if word == "below" else given.high
    return reach is not None and (reach <= end if word == "below" else end <= reach)


def _distance(value: float, end: float) -> float:
    """Return how far a threshold is away, as a factor: half and twice are equally far."""
    return abs(math.log(end / value)) if value > 0 and end > 0 else math.inf


def _flip(given: Assumption, word: str, end: float) -> str:
    return f"{given.name} {word} {_number(end)} {given.unit} (now {_number(given.value)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{share:.2%}"


def _money(estimate: Estimate) -> str:
    return (
        f"{show_usd(estimate.value)} ({_range(estimate)})"
        if _has_both(estimate)
        else show_usd(estimate.value)
    )


def _range(estimate: Estimate) -> str:
    return f"{_signed(estimate.low)} to {_signed(estimate.high)}"


def _signed(amount: float | None) -> str:
    shown = show_usd(None if amount is None else abs(amount))
    return f"−{shown}" if amount is not None and amount < 0 else shown


def _has_both(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.high is not None
