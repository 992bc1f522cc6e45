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
from insource.decision.economics.sentences import sentences
from insource.decision.economics.simulation import DRAWS, drawn, unique
from insource.decision.economics.tornado import tornado
from insource.decision.economics.valuation import DIGITS, Drawn, Exact
from insource.stats.intervals import wilson
from insource.types import Estimate
from insource.types.economics import Costs, Economics


def weigh(option: Option, against: Option, given: Assumptions, *, seed: int, draws: int = DRAWS) -> Economics:
    """Return what an option costs and saves against another one.

    Where an input of either is unknown, the result names it, and no figure that needs it has a value.

    Raises:
        ValueError: two different inputs have one name.
    """
    unknown = tuple(dict.fromkeys([*option.unknown(), *against.unknown(), *_no_volume(given)]))
    inputs = unique([*given.quantities(), *option.quantities(), *against.quantities()])
    found = Economics(
        option=option.name,
        against=against.name,
        horizon_months=given.horizon_months,
        unknown=unknown,
        assumptions=(*(q.shown() for q in inputs[len(given.quantities()) :]), *given.shown()),
    )
    if unknown:
        return _unknown(found)
    at = drawn(inputs, seed, draws)
    exactly = exact_savings(option, against, given)
    simulated = np.stack(savings(option, against, given, at).balance)
    found = found.model_copy(
        update={
            "draws": draws,
            "costs": _costs(option, given, at),
            "against_costs": _costs(against, given, at),
            "volume": _volume(given, at),
            "break_even": _break_even(option, against, given, at),
            "payback_probability": _share(simulated[-1] >= 0),
            "reached": _share(np.any(simulated >= 0, axis=0)),
            "npv_usd": _spread(exactly.npv, simulated[-1]),
            "npv_exact_usd": in_cents(exactly.npv),
            "saving_usd_by_month": tuple(in_cents(saved) for saved in exactly.months),
            "payback": payback(exactly.balance),
            "simple_payback_months": _simple_payback(option, against, given),
            "tornado": tornado(option, against, given, inputs),
        }
    )
    return found.model_copy(update={"sentences": sentences(found)})


METHOD = "Monte-Carlo"


def _no_volume(given: Assumptions) -> tuple[str, ...]:
    return (
        () if given.documents_per_month.value > 0 else ("the cost of a document: there are none in a month",)
    )


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
        stated = cost_per_1000_correct(option, given, exactly)
        simulated = cost_per_1000_correct(option, given, at)
        if stated is None or simulated is None:
            reason = f"the share of right documents of {option.name} was not measured"
            per_1000 = Estimate(value=None, method="unknown", note=reason)
        else:
            per_1000 = _spread(stated, simulated)
        return Costs(
            option=option.name,
            start=bill(start_lines(option, given, exactly)),
            month=bill(month_lines(option, given, exactly)),
            end=bill(exit_lines(option, given, exactly)),
            machines=int(machines(option, given, volume, exactly)),
            per_1000_correct=per_1000,
        )


def _spread(stated: Decimal | float, simulated: Floats) -> Estimate:
    """Return the value at the stated inputs with the ends of the middle 95 % of the draws."""
    low, high = np.quantile(simulated, [0.025, 0.975], method="inverted_cdf")
    return Estimate(value=float(stated), low=float(low), high=float(high), n=len(simulated), method=METHOD)


def _share(happened: NDArray[np.bool_]) -> Estimate:
    """Return the share of draws; its interval is the error of the simulation alone."""
    count, n = int(np.count_nonzero(happened)), len(happened)
    ends = wilson(count, n)
    return Estimate(value=count / n, low=ends.low, high=ends.high, n=n, method=f"{METHOD}, Wilson")


def _volume(given: Assumptions, at: Drawn) -> Estimate:
    quantity = given.documents_per_month
    if quantity.varies:
        return _spread(quantity.value, at.of(quantity))
    return Estimate(value=float(quantity.value), method="stated", note="taken as exact")


def _break_even(option: Option, against: Option, given: Assumptions, at: Drawn) -> Estimate:
    """Return the break-even volume; without a value, and with the reason, where no volume breaks even."""
    stated = float(break_even_volume(option, against, given, Drawn({}, 1))[0])
    found = break_even_volume(option, against, given, at)
    never = float(np.mean(np.isinf(found)))
    low, high = (float(end) for end in np.quantile(found, [0.025, 0.975], method="inverted_cdf"))
    note = f"no volume breaks even in {never:.0%} of the draws" if never else ""
    if np.isinf(stated):
        stays = f"{option.name} costs more a document than {against.name} at any volume"
        return Estimate(value=None, n=len(found), method=METHOD, note="; ".join(filter(None, (stays, note))))
    return Estimate(
        value=stated,
        low=low if np.isfinite(low) else None,
        high=high if np.isfinite(high) else None,
        n=len(found),
        method=METHOD,
        note=note,
    )


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
