"""What an option costs, line by line: a document, a month, at the start, at the end; and month by month.

The formulas hold for exact decimals and for arrays of draws alike (``valuation.py``). Month 0 is today, at
today's price and volume; a month is paid at its start. ``(1 - d)^(m/12)`` is the price of the cloud in month
m, ``(1 + g)^(m/12)`` the volume.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic

from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.options import Option, known
from insource.decision.economics.quantities import Quantity
from insource.decision.economics.valuation import N, Valuation

SECONDS_PER_MONTH = 730 * 3600

CLOUD, AUDIT, ENERGY, ERRORS = "cloud calls", "audit calls", "electricity", "errors"
RENT, HARDWARE, OPERATIONS, RETRAINING = "rent", "hardware", "running work", "retraining"
LABELLING, LABOUR, TRAINING = "labelling", "labour", "training"


def energy_usd(seconds: N, watts: N, pue: N, kwh_usd: N) -> N:
    """Return the electricity of ``seconds`` of work."""
    return seconds / 3600 * watts / 1000 * pue * kwh_usd


def cloud_lines(option: Option, given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what a document costs in the cloud at today's price; it declines."""
    lines = {}
    if option.price is not None:
        cost = known(option.price).per_document(at)
        lines[CLOUD] = cost if option.cloud_share is None else cost * at.of(option.cloud_share)
    if option.audited_by is not None:
        here = 1 - at.of(option.cloud_share) if option.cloud_share is not None else 1 + at.zero
        lines[AUDIT] = known(option.audited_by).per_document(at) * at.of(given.audit_share) * here
    return lines


def document_lines(option: Option, given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what a document costs beside the cloud."""
    lines = {}
    if option.machine_seconds is not None:
        watts, pue, kwh = at.of(given.power_watts), at.of(given.pue), at.of(given.kwh_usd)
        lines[ENERGY] = energy_usd(at.of(option.machine_seconds), watts, pue, kwh)
    priced = [kind for kind in option.errors if kind in given.error_usd]
    if priced:
        costs = (at.of(option.errors[kind]) * at.of(given.error_usd[kind]) for kind in priced)
        lines[ERRORS] = at.total(costs)
    return lines


def machine_lines(given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what one machine costs a month, written off over its life."""
    written_off = at.of(given.hardware_usd) / at.number(given.hardware_months)
    return {HARDWARE: written_off, RENT: at.of(given.rent_usd_per_month)}


def upkeep_lines(option: Option, given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what a model of one's own costs a month at any volume."""
    lines = {}
    if option.machine_seconds is not None:
        lines[OPERATIONS] = at.of(given.engineering_usd_per_month)
    if option.retrained:
        made = _training(option, at) if given.retraining_usd is None else at.of(given.retraining_usd)
        cycle = labelling_usd(given.retraining_labels, given, at) + made
        lines[RETRAINING] = at.of(given.retrainings_per_year) / 12 * cycle
    return lines


def start_lines(option: Option, given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what an option costs once, before its first document; machines aside."""
    lines = {}
    if option.labels is not None:
        lines[LABELLING] = labelling_usd(option.labels, given, at)
    if option.hours:
        hours = at.total(at.of(quantity) for quantity in option.hours)
        lines[LABOUR] = hours * at.of(given.labour_usd_per_hour)
    if option.training_usd is not None:
        lines[TRAINING] = at.of(option.training_usd)
    return lines


def exit_lines(option: Option, given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what it costs to end an option; the machines aside."""
    if option.exit_hours is None:
        return {}
    return {LABOUR: at.of(option.exit_hours) * at.of(given.labour_usd_per_hour)}


def labelling_usd(labels: Quantity, given: Assumptions, at: Valuation[N]) -> N:
    """Return the cost of labelling documents by hand."""
    return at.of(labels) * at.of(given.label_minutes) / 60 * at.of(given.label_usd_per_hour)


def _training(option: Option, at: Valuation[N]) -> N:
    return at.zero if option.training_usd is None else at.of(option.training_usd)


def machines(option: Option, given: Assumptions, volume: N, at: Valuation[N]) -> N:
    """Return the whole machines that carry the busiest hours of a month's ``volume``; 0 without a model."""
    if option.machine_seconds is None:
        return at.zero
    load = volume * at.of(given.peak_to_mean) * at.of(option.machine_seconds) / SECONDS_PER_MONTH
    return at.whole(load)


def month_lines(option: Option, given: Assumptions, at: Valuation[N]) -> dict[str, N]:
    """Return what this month costs, at today's volume and prices."""
    volume = at.of(given.documents_per_month)
    needed = machines(option, given, volume, at)
    by_document = cloud_lines(option, given, at) | document_lines(option, given, at)
    lines = {name: volume * cost for name, cost in by_document.items()}
    if option.machine_seconds is not None:
        lines |= {name: needed * cost for name, cost in machine_lines(given, at).items()}
    return lines | upkeep_lines(option, given, at)


@dataclass(frozen=True)
class Path(Generic[N]):
    """The money that leaves: at the start, in each month of the horizon, at its end."""

    start: N
    months: tuple[N, ...]
    end: N


def path(option: Option, given: Assumptions, at: Valuation[N]) -> Path[N]:
    """Return the payments of an option: machines are bought when they are needed, not written off."""
    price = at.twelfth_root(1 - at.of(given.cloud_price_decline_per_year))
    growth = at.twelfth_root(1 + at.of(given.volume_growth_per_year))
    in_cloud = at.total(cloud_lines(option, given, at).values())
    beside = at.total(document_lines(option, given, at).values())
    upkeep = at.total(upkeep_lines(option, given, at).values())
    fleet = Fleet(given, at) if option.machine_seconds is not None else None
    volume, declined = at.of(given.documents_per_month), 1 + at.zero
    months = []
    for month in range(given.horizon_months):
        held = fleet.hold(machines(option, given, volume, at), month) if fleet else at.zero
        months.append(volume * (in_cloud * declined + beside) + upkeep + held)
        volume, declined = volume * growth, declined * price
    start = at.total(start_lines(option, given, at).values())
    end = at.total(exit_lines(option, given, at).values())
    left = fleet.book_value(given.horizon_months) if fleet else at.zero
    return Path(start=start, months=tuple(months), end=end - left)


class Fleet(Generic[N]):
    """The machines of an option: bought whole when they are needed, replaced when they are written off."""

    def __init__(self, given: Assumptions, at: Valuation[N]) -> None:
        self._at: Valuation[N] = at
        self._life = given.hardware_months
        self._usd: N = at.of(given.hardware_usd)
        self._rent: N = at.of(given.rent_usd_per_month)
        self._in_service: N = at.zero
        self._bought: deque[tuple[int, N]] = deque()  # the month, and how many

    def hold(self, needed: N, month: int) -> N:
        """Return what is paid in a month to have ``needed`` machines: purchases, and rent."""
        while self._bought and month - self._bought[0][0] >= self._life:
            self._in_service = self._in_service - self._bought.popleft()[1]
        more = self._at.larger(needed - self._in_service, self._at.zero)
        self._in_service = self._in_service + more
        self._bought.append((month, more))
        paid: N = more * self._usd + needed * self._rent
        return paid

    def book_value(self, month: int) -> N:
        """Return what the machines are worth at the start of a month, by linear depreciation."""
        left = ((1 - (month - since) / self._life, count) for since, count in self._bought)
        worth = self._at.total(count * self._at.number(share) for share, count in left if share > 0)
        value: N = worth * self._usd
        return value
