"""Net present value, payback and break-even of an option against another one.

Net present value: the savings of each month at ``(1 + r)^(-m/12)``, less what the start costs more, less what
the end costs more at ``(1 + r)^(-H/12)``. Payback is discounted, so that *kept at the horizon* and *a net
present value of at least 0* are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Generic

import numpy as np

from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.flows import (
    SECONDS_PER_MONTH,
    cloud_lines,
    document_lines,
    exit_lines,
    machine_lines,
    month_lines,
    path,
    start_lines,
    upkeep_lines,
)
from insource.decision.economics.options import Option
from insource.decision.economics.quantities import Floats
from insource.decision.economics.valuation import DIGITS, Drawn, Exact, N, Valuation
from insource.types.economics import CostLine, Payback

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Savings(Generic[N]):
    """What an option saves against another one, by month.

    ``months`` are the savings as they are paid; ``balance`` has the discounted total after each month, the
    start included, and after the last one the end, too.
    """

    months: tuple[N, ...]
    balance: tuple[N, ...]

    @property
    def npv(self) -> N:
        return self.balance[-1]


def savings(option: Option, against: Option, given: Assumptions, at: Valuation[N]) -> Savings[N]:
    """Return the savings of an option against another one."""
    own, other = path(option, given, at), path(against, given, at)
    discount = 1 / at.twelfth_root(1 + at.of(given.discount_per_year))
    factor, total = 1 + at.zero, other.start - own.start
    months, balance = [], []
    for mine, theirs in zip(own.months, other.months, strict=True):
        saved = theirs - mine
        total = total + saved * factor
        factor = factor * discount
        months.append(saved)
        balance.append(total)
    balance[-1] = balance[-1] + (other.end - own.end) * factor
    return Savings(tuple(months), tuple(balance))


def exact_savings(option: Option, against: Option, given: Assumptions) -> Savings[Decimal]:
    """Return the savings at the stated values, in decimals, before they are rounded to cents."""
    with localcontext(prec=DIGITS):
        return savings(option, against, given, Exact())


def present_cost_usd(option: Option, given: Assumptions) -> Decimal:
    """Return what an option costs over the horizon, discounted, at the stated values."""
    nothing = Option(name="nothing")
    return -exact_savings(option, nothing, given).npv


def payback(balance: tuple[Decimal, ...]) -> Payback:
    """Return when the balance is no longer negative, and whether that lasts."""
    paid = [total >= 0 for total in balance]
    if True not in paid:
        return Payback(month=None, lost_in_month=None, kept=False)
    first = paid.index(True)
    lost = paid.index(False, first) + 1 if False in paid[first:] else None
    return Payback(month=first + 1, lost_in_month=lost, kept=paid[-1])


def cost_per_1000_correct(option: Option, given: Assumptions, at: Valuation[N]) -> N | None:
    """Return what 1,000 right documents cost, all in: a month of today, start and end spread evenly.

    The result is None where nobody knows how many are right, and infinite in a draw in which none is.
    """
    if option.correct is None:
        return None
    start = at.total(start_lines(option, given, at).values())
    end = at.total(exit_lines(option, given, at).values())
    month: N = at.total(month_lines(option, given, at).values()) + (start + end) / given.horizon_months
    return at.over(month, at.of(given.documents_per_month) * at.of(option.correct)) * 1000


def break_even_volume(option: Option, against: Option, given: Assumptions, at: Drawn) -> Floats:
    """Return the documents a month from which a month of the option costs no more; infinite where none does.

    Fixed cost over the saving of a document, with as many machines as that volume needs: with F fixed, M the
    cost of a machine, L the machines that a document takes and s the saving, the least m for which
    (F + M m) / s <= m / L. What the start costs is not in it: the flip threshold of the volume has that.
    """
    saving = _per_document(against, given, at) - _per_document(option, given, at)
    fixed = np.maximum(_upkeep(option, given, at) - _upkeep(against, given, at), 0)
    if option.machine_seconds is None:
        return at.over(fixed, saving)
    machine = at.total(machine_lines(given, at).values())
    load = at.of(option.machine_seconds) * at.of(given.peak_to_mean) / SECONDS_PER_MONTH
    needed = np.maximum(1, np.ceil(at.over(fixed * load, saving - machine * load)))
    possible = np.isfinite(needed)
    return np.where(possible, at.over(fixed + machine * np.where(possible, needed, 1), saving), np.inf)


def _per_document(option: Option, given: Assumptions, at: Valuation[N]) -> N:
    lines = cloud_lines(option, given, at) | document_lines(option, given, at)
    return at.total(lines.values())


def _upkeep(option: Option, given: Assumptions, at: Valuation[N]) -> N:
    return at.total(upkeep_lines(option, given, at).values())


def in_cents(amount: Decimal) -> Decimal:
    """Round to the cent, halves away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def bill(lines: dict[str, Decimal]) -> tuple[CostLine, ...]:
    """Return the lines in cents. Their sum is the total that is shown: rounded lines add up to it."""
    return tuple(CostLine(name=name, usd=in_cents(usd)) for name, usd in lines.items())
