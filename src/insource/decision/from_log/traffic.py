"""What a task's calls are: how many, how fast, and what they cost."""

from __future__ import annotations

from collections import Counter

import numpy as np

from insource.decision.from_log.figures import (
    Span,
    average,
    per_month,
    percentile,
    proportion,
    scaled,
    share,
    trend,
    unknown,
)
from insource.decision.from_log.gathering import OUTCOMES, Gathered
from insource.foundation.clock import from_microseconds
from insource.foundation.money import from_nano_usd
from insource.types import Estimate
from insource.types.log_profile import LoggedSpending, LoggedTraffic, Waiting

HOUR_US, HOUR_S = 3_600_000_000, 3600.0
NANO = 1e-9
USD = "USD"
PRICED_SHARE = 0.9
"""With fewer of the answered calls priced, sums of costs are unknown: too much is missing."""


def traffic_of(calls: Gathered, span: Span) -> LoggedTraffic:
    """Return how many calls there are, and when."""
    columns, days = calls.columns, calls.days
    outcomes = Counter(OUTCOMES[one] for one in columns["outcome"].tolist())
    ones = np.ones(len(calls))
    by_hour = np.unique(columns["started"] // HOUR_US, return_counts=True)[1]
    return LoggedTraffic(
        calls=len(calls),
        answered=outcomes["ok"],
        errors=outcomes["error"],
        broken_off=outcomes["interrupted"] + outcomes["unread"],
        without_text=int((columns["place"] < 0).sum()),
        first_seen=from_microseconds(int(columns["started"][0])),
        last_seen=from_microseconds(int(columns["started"][-1])),
        days=span.days,
        models={calls.models[one]: count for one, count in Counter(columns["model"].tolist()).most_common()},
        per_month=per_month(ones, days, span),
        trend=trend(ones, days, span),
        peak_over_mean=_peak(int(by_hour.max()), len(calls), span),
        in_flight=_in_flight(calls, int(by_hour.max())),
        not_answered=share(columns["outcome"] != OUTCOMES.index("ok"), days),
    )


def _peak(busiest: int, calls: int, span: Span) -> Estimate:
    if span.days < 1:
        return unknown("the log spans less than a day", calls)
    mean = calls / (24 * span.days)
    note = "a maximum has no interval: a longer log has a higher one"
    return Estimate(value=busiest / mean, n=calls, method="busiest hour over mean hour", note=note)


def _in_flight(calls: Gathered, busiest: int) -> Estimate:
    latency = average(calls.columns["latency"][calls.known("latency")], calls.days[calls.known("latency")])
    if not latency.measured:
        return unknown("no call has a latency")
    at_once = scaled(latency, busiest / HOUR_S, "; mean latency times the arrivals of the busiest hour")
    return at_once.model_copy(update={"note": "arrivals within the hour are taken as even"})


def spending_of(calls: Gathered, span: Span) -> LoggedSpending:
    """Return what the task costs; unknown where a cost is in another currency than dollars."""
    columns, days = calls.columns, calls.days
    priced = calls.known("cost")
    cost = np.where(priced, columns["cost"], 0)
    why = _not_priced(calls)
    foreign = bool(set(calls.currencies) - {USD})
    usd = None if foreign or not priced.any() else from_nano_usd(int(cost.sum()))
    monthly, moving = per_month(cost * NANO, days, span), trend(cost, days, span)
    per_1000 = scaled(average(columns["cost"][priced] * NANO, days[priced]), 1000) if priced.any() else None
    missing = sum(calls.unpriced.values())
    if missing and not foreign:
        monthly, moving = (_with_missing(one, missing, int(priced.sum())) for one in (monthly, moving))
    return LoggedSpending(
        usd=usd,
        unpriced=dict(calls.unpriced.most_common()),
        estimated=int(columns["estimated"].sum()),
        priced_by=tuple(name for name, _ in calls.priced_by.most_common() if name),
        per_1000_usd=unknown(why) if usd is None or per_1000 is None else per_1000,
        per_month_usd=unknown(why) if usd is None else monthly,
        trend=unknown(why) if usd is None else moving,
        input_tokens=_tokens(calls, "input"),
        input_tokens_p95=percentile(columns["input"][calls.known("input")], 0.95, "no call has input tokens"),
        output_tokens=_tokens(calls, "output"),
        cached=_cached(calls),
        batched=share(columns["batched"], days),
    )


def _not_priced(calls: Gathered) -> str:
    if set(calls.currencies) - {USD}:
        counted = ", ".join(f"{name} ({count} calls)" for name, count in calls.currencies.most_common())
        return f"costs are in {counted}; the log holds US dollars"
    reasons = "; ".join(f"{why} ({count} calls)" for why, count in calls.unpriced.most_common(3))
    return f"no call has a cost: {reasons}" if reasons else "no call has a cost"


def _with_missing(one: Estimate, missing: int, priced: int) -> Estimate:
    """Return a figure of costs with a note on the calls that have none; unknown where these are many."""
    if not one.measured:
        return one
    if priced < PRICED_SHARE * (priced + missing):
        return unknown(f"{missing:,} of {missing + priced:,} answered calls have no cost", one.n)
    note = f"without {missing:,} calls of unknown cost; {one.note}".rstrip("; ")
    return one.model_copy(update={"note": note})


def _tokens(calls: Gathered, name: str) -> Estimate:
    known = calls.known(name)
    if not known.any():
        return unknown(f"no call has {name} tokens")
    return average(calls.columns[name][known], calls.days[known])


def _cached(calls: Gathered) -> Estimate:
    """Return the share of input tokens read from the provider's cache, over the calls that report it."""
    known = calls.known("cached") & calls.known("input")
    if not known.any():
        return unknown("no call reports tokens read from a cache")
    whole = calls.columns["input"][known]
    return proportion(np.minimum(calls.columns["cached"][known], whole), whole, calls.days[known])


def waiting_of(calls: Gathered, need_s: float | None) -> Waiting:
    """Return how long callers wait, against the need, in seconds at the 95th percentile."""
    known = calls.known("latency")
    latency = calls.columns["latency"][known]
    first = calls.columns["first_token"][calls.known("first_token")]
    why = "no call has a latency"
    return Waiting(
        p50_s=percentile(latency, 0.5, why),
        p95_s=percentile(latency, 0.95, why),
        p99_s=percentile(latency, 0.99, why),
        first_token_p50_s=percentile(first, 0.5, "no call was streamed, or its first token was not timed"),
        streamed=share(calls.columns["streamed"], calls.days),
        need_s=need_s,
        within_need=unknown("no need is stated")
        if need_s is None
        else share(latency <= need_s, calls.days[known])
        if len(latency)
        else unknown(why),
    )
