"""Weigh an option against another one: the three headline numbers, with what is behind them."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from insource.decision.economics.appraisal import (
    bill,
    break_even_volume,
    cost_per_1000_correct,
    exact_savings,
    in_cents,
    payback,
    savings,
)
from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.flows import exit_lines, machines, month_lines, path, start_lines
from insource.decision.economics.options import Option
from insource.decision.economics.quantities import Floats, exact
from insource.decision.economics.quote import checked_quote
from insource.decision.economics.sentences import sentences
from insource.decision.economics.simulation import DRAWS, drawn, unique
from insource.decision.economics.tornado import tornado
from insource.decision.economics.valuation import DIGITS, Drawn, Exact
from insource.stats.intervals import wilson
from insource.types import Estimate
from insource.types.economics import Costs, Economics

METHOD = "Monte-Carlo"


def weigh(
    option: Option,
    against: Option,
    given: Assumptions,
    *,
    seed: int,
    draws: int = DRAWS,
    with_tornado: bool = True,
) -> Economics:
    """Return what an option costs and saves against another one.

    Where an input of either is unknown, the result names it, and no figure that needs it has a value. The
    tornado takes most of the time; without it no input is said to turn the result around.

    Raises:
        ValueError: two different inputs have one name.
    """
    missing = [*option.unknown(), *against.unknown(), *_no_volume(given)]
    unknown = tuple(dict.fromkeys([*missing, *_unmatched_errors(option, against, given)]))
    inputs = unique([*given.quantities(), *option.quantities(), *against.quantities()])
    found = Economics(
        option=option.name,
        against=against.name,
        horizon_months=given.horizon_months,
        unknown=unknown,
        uncounted=_uncounted(option, against, given),
        assumptions=(*(q.shown() for q in inputs[len(given.quantities()) :]), *given.shown()),
    )
    if unknown:
        return _unknown(found)
    at = drawn(inputs, seed, draws)
    exactly = exact_savings(option, against, given)
    simulated = np.stack(savings(option, against, given, at).balance)
    costs, quoted = _costs(option, given, at), given.quoted_usd_per_month
    found = found.model_copy(
        update={
            "draws": draws,
            "costs": costs,
            "quote": checked_quote(quoted, costs, given) if quoted is not None and costs.machines else None,
            "against_costs": _costs(against, given, at),
            "volume": _volume(given),
            "break_even": _break_even(option, against, given, at),
            "payback_probability": _share(simulated[-1] >= 0),
            "reached": _share(np.any(simulated >= 0, axis=0)),
            "npv_usd": _spread(exactly.npv, simulated[-1]),
            "npv_exact_usd": in_cents(exactly.npv),
            "saving_usd_by_month": tuple(in_cents(saved) for saved in exactly.months),
            "payback": payback(exactly.balance),
            "simple_payback_months": _simple_payback(option, against, given),
            "tornado": tornado(option, against, given, inputs) if with_tornado else (),
        }
    )
    return found.model_copy(update={"sentences": sentences(found)})


def _no_volume(given: Assumptions) -> tuple[str, ...]:
    return (
        () if given.documents_per_month.value > 0 else ("the cost of a document: there are none in a month",)
    )


def _unmatched_errors(option: Option, against: Option, given: Assumptions) -> list[str]:
    """Return the errors with a cost whose rate is known of one side alone: counting one would be unfair."""
    pairs = ((option, against), (against, option))
    return [
        f"the rate of {kind!r} errors of {one.name}: it was not measured"
        for one, other in pairs
        for kind in given.error_usd
        if kind in other.errors and kind not in one.errors
    ]


def _uncounted(option: Option, against: Option, given: Assumptions) -> tuple[str, ...]:
    """Return the errors that are in no bill, and why."""
    rates, costs = dict.fromkeys([*option.errors, *against.errors]), given.error_usd
    free = [f"{kind!r} errors have no cost in decision.error_usd" for kind in rates if kind not in costs]
    return (*free, *(f"{kind!r} errors have a cost, and no rate" for kind in costs if kind not in rates))


def _unknown(found: Economics) -> Economics:
    """Return the result without figures: a number that rests on a missing input is none."""
    missing = Estimate(value=None, method="unknown", note="; ".join(found.unknown))
    names = ("volume", "break_even", "payback_probability", "reached", "npv_usd")
    sentence = f"Whether {found.option} pays against {found.against} is unknown: {'; '.join(found.unknown)}."
    return found.model_copy(update={**dict.fromkeys(names, missing), "sentences": (sentence,)})


def _costs(option: Option, given: Assumptions, at: Drawn) -> Costs:
    with localcontext(prec=DIGITS):
        exactly = Exact()
        volume = exactly.of(given.documents_per_month)
        per_1000 = _per_1000_correct(option, given, at)
        return Costs(
            option=option.name,
            start=bill(start_lines(option, given, exactly)),
            month=bill(month_lines(option, given, exactly)),
            end=bill(exit_lines(option, given, exactly)),
            machines=int(machines(option, given, volume, exactly)),
            per_1000_correct=per_1000,
        )


def _per_1000_correct(option: Option, given: Assumptions, at: Drawn) -> Estimate:
    stated = cost_per_1000_correct(option, given, Exact())
    simulated = cost_per_1000_correct(option, given, at)
    if stated is None or simulated is None:
        reason = f"the share of right documents of {option.name} was not measured"
    elif stated.is_infinite():
        reason = f"none of the documents of {option.name} is right"
    else:
        return _with_finite_ends(_spread(stated, simulated))
    return Estimate(value=None, method="unknown", note=reason)


def _spread(stated: Decimal | float, simulated: Floats) -> Estimate:
    """Return the median of the draws and the ends of their middle 95 %; the stated value where none varies.

    The stated value is in the note: where ranges reach further up than down, it is not the median, and may
    even lie outside of the interval.
    """
    low, median, high = np.quantile(simulated, [0.025, 0.5, 0.975], method="inverted_cdf")
    n = len(simulated)
    if low == high:
        return Estimate(value=float(stated), n=n, method=METHOD, note="no input of it varies")
    note = f"at the stated values {float(stated):,.6g}"
    return Estimate(value=float(median), low=float(low), high=float(high), n=n, method=METHOD, note=note)


def _share(happened: NDArray[np.bool_]) -> Estimate:
    """Return the share of draws; its interval is the error of the simulation alone."""
    count, n = int(np.count_nonzero(happened)), len(happened)
    share, ends = count / n, wilson(count, n)
    low, high = min(share, ends.low), max(share, ends.high)  # at 0 and 1 they differ by rounding
    return Estimate(value=share, low=low, high=high, n=n, method=f"{METHOD}, Wilson")


def _volume(given: Assumptions) -> Estimate:
    """Return the volume of today with the range that is taken for it."""
    quantity = given.documents_per_month
    ends = {"low": float(quantity.low), "high": float(quantity.high)} if quantity.varies else {}
    method = f"{quantity.origin}, {quantity.distribution if ends else 'taken as exact'}"
    return Estimate(value=float(quantity.value), **ends, method=method)


def _break_even(option: Option, against: Option, given: Assumptions, at: Drawn) -> Estimate:
    """Return the break-even volume; an end without a value, or none at all, where no volume breaks even."""
    stated = float(break_even_volume(option, against, given, Drawn({}, 1))[0])
    simulated = break_even_volume(option, against, given, at)
    never = float(np.mean(np.isinf(simulated)))
    found = _spread(stated, simulated)
    if np.isinf(stated):
        reason = (
            f"at the stated values {option.name} costs no less a document than {against.name} at any volume"
        )
        return found.model_copy(update={"value": None, "low": None, "high": None, "note": reason})
    note = f"{found.note}; no volume breaks even in {never:.0%} of the draws" if never else found.note
    return _with_finite_ends(found.model_copy(update={"note": note}))


def _with_finite_ends(found: Estimate) -> Estimate:
    """Return the estimate without what is infinite in it."""
    ends = {"value": found.value, "low": found.low, "high": found.high}
    finite = {name: None if end is None or np.isinf(end) else end for name, end in ends.items()}
    return found.model_copy(update=finite)


def _simple_payback(option: Option, against: Option, given: Assumptions) -> float | None:
    """Return the months of today's saving that the start takes, not discounted; None without a saving."""
    with localcontext(prec=DIGITS):
        outlay, monthly = exact(0), exact(0)
        for one, sign in ((option, 1), (against, -1)):
            own = path(one, given, Exact())
            bought = exact(given.hardware_usd.value) * machines(
                one, given, given.documents_per_month.value, Exact()
            )
            outlay += sign * (own.start + bought)
            monthly -= sign * (own.months[0] - bought)
        if outlay <= 0:
            return 0.0 if monthly >= 0 else None
        return float(outlay / monthly) if monthly > 0 else None
