"""Estimates of a task's traffic: shares and means over its calls, rates by month and by quarter.

The calls of one day resemble each other, so the days are what was sampled, where there are at least five.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insource.evaluation.estimators import MIN_GROUPS, Units, mean, mean_of_ratios, quantile, rate
from insource.stats.distributions import t_quantile
from insource.stats.intervals import mean_t, poisson, wilson
from insource.types import Estimate

DAY_US = 86_400_000_000
DAYS_A_MONTH = 30.4375
DAYS_A_QUARTER = 3 * DAYS_A_MONTH
WEEK, TREND_DAYS = 7, 14
"""Complete days from which a month, and a trend, have an interval."""
LEAST_DAYS = 1.0
"""A shorter log says nothing of a month."""

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def unknown(why: str, n: int = 0) -> Estimate:
    """Return a figure that the log does not have, with the reason."""
    return Estimate(value=None, n=n, method="unknown", note=why)


def by_day(days: Integers) -> Units:
    """Return the days as what was sampled; the calls, where there are fewer than five days."""
    size = len(np.unique(days))
    if size < MIN_GROUPS:
        few = "1 day" if size == 1 else f"{size} days"
        return Units(None, len(days), f"only {few} of log: the interval does not speak for other days")
    return Units(tuple(map(str, days.tolist())), size, "groups are days (UTC)")


def share(events: ArrayLike, days: Integers) -> Estimate:
    """Estimate the share of calls with an event, from 0 or 1 a call and its day."""
    return rate(events, by_day(days))


def average(values: ArrayLike, days: Integers) -> Estimate:
    """Estimate the mean over calls of a quantity that is not a share."""
    return mean(values, by_day(days), share=False)


def proportion(part: ArrayLike, whole: ArrayLike, days: Integers) -> Estimate:
    """Estimate sum(part) / sum(whole) over calls, in [0, 1]."""
    return mean_of_ratios([(part, whole)], by_day(days))


def of_trials(events: int, trials: int, what: str) -> Estimate:
    """Estimate a rate from independent trials by Wilson's interval; without any, ``what`` says why not."""
    if not trials:
        return unknown(what)
    value, (low, high) = events / trials, wilson(events, trials)
    # At 0 and at all of them, an end is the value up to rounding.
    return Estimate(value=value, low=min(low, value), high=max(high, value), n=trials, method="Wilson")


def percentile(values: Floats, probability: float, why: str) -> Estimate:
    """Estimate a quantile over calls; unknown without values, ``why`` says why."""
    if not len(values):
        return unknown(why)
    return quantile(values, probability, f"p{100 * probability:g}, order statistics, by call")


def scaled(one: Estimate, factor: float, method: str = "") -> Estimate:
    """Return the estimate times a known factor; unknown stays unknown.

    Raises:
        ValueError: the factor is negative or not finite.
    """
    if not (factor >= 0 and math.isfinite(factor)):
        raise ValueError(f"an estimate cannot be multiplied by {factor}")
    ends = {
        name: None if (end := getattr(one, name)) is None else end * factor
        for name in ("value", "low", "high")
    }
    return one.model_copy(update={**ends, "method": one.method + method})


def product(one: Estimate, other: Estimate) -> Estimate:
    """Return the product of two figures that are not negative; the first unknown one where one is.

    Its ends are the products of their ends, so the interval is conservative.
    """
    if not (one.measured and other.measured):
        return other if one.measured else one
    ends = {}
    for name in ("value", "low", "high"):
        left, right = getattr(one, name), getattr(other, name)
        ends[name] = None if left is None or right is None else left * right
    notes = "; ".join(dict.fromkeys(filter(None, (one.note, other.note))))
    return Estimate(
        **ends, n=min(one.n, other.n), method=f"({one.method}) times ({other.method})", note=notes
    )


class Span(NamedTuple):
    """The log's period: first and last call, in microseconds since the epoch."""

    first: int
    last: int

    @property
    def days(self) -> float:
        return (self.last - self.first) / DAY_US

    @property
    def complete(self) -> range:
        """The days (since the epoch, UTC) that the log has from their beginning to their end."""
        return range(-(-self.first // DAY_US), self.last // DAY_US)


def daily(amounts: ArrayLike, days: Integers, span: Span) -> Floats:
    """Return the sum of the amounts on each complete day of the log, days without calls included."""
    whole = span.complete
    inside = (days >= whole.start) & (days < whole.stop)
    weights = np.asarray(amounts, dtype=float)[inside]
    return np.bincount(days[inside] - whole.start, weights=weights, minlength=len(whole)).astype(float)


def per_month(amounts: ArrayLike, days: Integers, span: Span) -> Estimate:
    """Estimate the sum of the amounts in a month of 30.4375 days.

    With at least seven complete days it is their mean, with Student's t interval over the days; else the sum
    over the span, without an interval. A log of less than a day says nothing.
    """
    values = np.asarray(amounts, dtype=float)
    if span.days < LEAST_DAYS:
        return unknown(f"the log spans {24 * span.days:.1f} hours, less than a day", len(values))
    totals = daily(values, days, span)
    if len(totals) < WEEK:
        month = float(values.sum()) / span.days * DAYS_A_MONTH
        note = f"{len(totals)} complete days: fewer than {WEEK} give no interval"
        return Estimate(value=month, n=len(values), method="sum over the span of the log", note=note)
    ends = mean_t(totals)
    low, high = (None, None) if ends is None else ends.clipped(0.0, math.inf)
    return Estimate(
        value=float(totals.mean()) * DAYS_A_MONTH,
        low=None if low is None else low * DAYS_A_MONTH,
        high=None if high is None else high * DAYS_A_MONTH,
        n=len(totals),
        method="mean of the complete days, t",
        note="" if ends else "every day is the same, so there is no interval",
    )


def trend(amounts: ArrayLike, days: Integers, span: Span) -> Estimate:
    """Estimate the change of a daily sum in a month, as a ratio of its mean: 0.1 is 10 % more a month.

    A straight line through the complete days, by least squares; unknown with fewer than 14 of them.
    """
    totals = daily(amounts, days, span)
    n = len(totals)
    if n < TREND_DAYS:
        return unknown(f"{n} complete days of log; a trend needs {TREND_DAYS}", n)
    if totals.mean() <= 0:
        return unknown("nothing on the complete days of the log", n)
    x = np.arange(n) - (n - 1) / 2
    slope = float(x @ totals / (x @ x))
    left = totals - totals.mean() - slope * x
    error = math.sqrt(float(left @ left) / (n - 2) / float(x @ x))
    scale = DAYS_A_MONTH / float(totals.mean())
    half = t_quantile(0.975, n - 2) * error * scale
    return Estimate(
        value=slope * scale,
        low=slope * scale - half,
        high=slope * scale + half,
        n=n,
        method="least squares over the complete days, t",
        note="days are taken as independent of each other",
    )


def per_quarter(events: int, span: Span) -> Estimate:
    """Estimate how often something happens in a quarter of a year, from its count in the log."""
    if span.days < LEAST_DAYS:
        return unknown(f"the log spans {24 * span.days:.1f} hours, less than a day", events)
    return counted(events, span.days / DAYS_A_QUARTER, f"in {span.days:.1f} days")


def counted(events: int, exposure: float, over: str) -> Estimate:
    """Estimate a rate of rare events from their count, by the exact interval of a Poisson count."""
    low, high = poisson(events)
    return Estimate(
        value=events / exposure,
        low=low / exposure,
        high=high / exposure,
        n=events,
        method=f"{events} {over}, exact Poisson",
    )
