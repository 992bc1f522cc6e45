"""The economics in sentences, each made from the estimates of the result alone."""

from __future__ import annotations

from insource.foundation.money import show_usd
from insource.types import Estimate
from insource.types.economics import Economics


def sentences(found: Economics) -> tuple[str, ...]:
    """Return the sentences of a result whose inputs are all known."""
    return tuple(
        filter(None, (_costs(found), _break_even(found), _payback(found), _lost(found), _first(found)))
    )


def _costs(found: Economics) -> str:
    costs = found.costs, found.against_costs
    named = [
        f"{cost.option} costs {_money(cost.per_1000_correct)} for 1,000 right documents"
        for cost in costs
        if cost is not None and cost.per_1000_correct.value is not None
    ]
    return ", and ".join(named) + "." if named else ""


def _break_even(found: Economics) -> str:
    needed, volume = found.break_even, found.volume
    if needed.value is None:
        return f"No volume breaks even: {needed.note}."
    if volume.value is None:
        return ""
    relation = "above" if volume.value >= needed.value else "below"
    between = f" ({needed.low:,.0f} to {needed.high:,.0f})" if _has_both(needed) else ""
    return (
        f"A month of {found.option} costs less than one of {found.against} from {needed.value:,.0f} "
        f"documents{between} on; {volume.value:,.0f} a month are {relation} that."
    )


def _payback(found: Economics) -> str:
    paid, npv = found.payback_probability, found.npv_usd
    if paid.value is None or npv.value is None:
        return ""
    verb = "saves" if npv.value >= 0 else "costs"
    return (
        f"It pays back within {found.horizon_months} months in {paid.value:.0%} of {found.draws:,} draws; at "
        f"the stated values it {verb} {show_usd(abs(npv.value))} by then, discounted ({_range(npv)})."
    )


def _lost(found: Economics) -> str:
    paid = found.payback
    if paid is None or paid.month is None or paid.lost_in_month is None:
        return ""
    last = "has it back at the end" if paid.kept else "does not get it back"
    return (
        f"It pays back in month {paid.month} and loses that again in month {paid.lost_in_month}; it {last}."
    )


def _first(found: Economics) -> str:
    """Return the input that matters most, with its flip threshold."""
    swing = next((s for s in found.tornado if s.flips_below is not None or s.flips_above is not None), None)
    if swing is None:
        return "No single input turns that around."
    at = " or ".join(
        f"{word} {end:,.6g}"
        for word, end in (("below", swing.flips_below), ("above", swing.flips_above))
        if end is not None
    )
    pays = "no longer pays" if found.npv_usd.value is not None and found.npv_usd.value >= 0 else "pays"
    return f"It {pays} with {swing.input.name} {at} {swing.input.unit} (now {swing.input.value:,.6g})."


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
