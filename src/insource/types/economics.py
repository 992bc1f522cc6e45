"""What an option costs and saves against another one: exact amounts, and estimates over the draws."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer

from insource.types.base import Frozen
from insource.types.decision import Assumption
from insource.types.estimate import NOT_MEASURED, Estimate

Usd = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""US dollars, exact to the cent; a number in JSON."""


class CostLine(Frozen):
    """One line of a bill."""

    name: str
    usd: Usd


class Costs(Frozen):
    """What an option costs: once at the start, in a month of today's volume and prices, once at the end.

    Hardware is written off by the month here. ``per_1000_correct`` has all of it, the start and the end
    spread over the horizon. ``machines`` carry the busiest hours.
    """

    option: str
    start: tuple[CostLine, ...] = ()
    month: tuple[CostLine, ...] = ()
    end: tuple[CostLine, ...] = ()
    machines: int = 0
    per_1000_correct: Estimate = NOT_MEASURED

    @property
    def start_usd(self) -> Decimal:
        return sum((line.usd for line in self.start), Decimal(0))

    @property
    def month_usd(self) -> Decimal:
        return sum((line.usd for line in self.month), Decimal(0))

    @property
    def end_usd(self) -> Decimal:
        return sum((line.usd for line in self.end), Decimal(0))


class Payback(Frozen):
    """When the discounted savings have paid for the start: the first such month, from 1.

    ``lost_in_month`` is the first month after it in which they no longer do, because the cloud's price fell
    or a machine was bought; ``kept`` says whether they do at the horizon, its end costs included.
    """

    month: int | None
    lost_in_month: int | None
    kept: bool


class Quote(Frozen):
    """A quoted cost of a month, and what its parts come to. ``possible`` is false where they exceed it."""

    quoted_usd: Usd
    parts_usd: Usd
    possible: bool
    sentence: str


class Swing(Frozen):
    """What one input does to the net present value, all others at their values.

    ``flips_below`` and ``flips_above`` are the nearest values under and over ``value`` at which the net
    present value changes its sign; None where it keeps its sign down to the least, or up to the most, that
    the input can be.
    """

    input: Assumption
    npv_low_usd: Usd
    npv_high_usd: Usd
    flips_below: float | None = None
    flips_above: float | None = None


class Economics(Frozen):
    """One option against another: the three headline numbers, what is behind them, and what would flip them.

    The values are those at the stated inputs, the intervals hold 95 % of the draws. ``npv_usd`` is positive
    where the option costs less. ``reached`` is the share of draws that pay back at some time, and
    ``payback_probability`` the share that still does at the horizon. ``unknown`` names what is not known; the
    estimates are then without a value. ``uncounted`` names the errors that have a rate and no cost, or a cost
    and no rate. ``simple_payback_months`` is the start over the saving of a month of
    today, not discounted.
    """

    option: str
    against: str
    horizon_months: int
    draws: int = 0
    costs: Costs | None = None
    against_costs: Costs | None = None
    volume: Estimate = NOT_MEASURED
    break_even: Estimate = NOT_MEASURED
    payback_probability: Estimate = NOT_MEASURED
    reached: Estimate = NOT_MEASURED
    npv_usd: Estimate = NOT_MEASURED
    npv_exact_usd: Usd | None = None
    saving_usd_by_month: tuple[Usd, ...] = ()
    payback: Payback | None = None
    simple_payback_months: float | None = None
    quote: Quote | None = None
    tornado: tuple[Swing, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    unknown: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
