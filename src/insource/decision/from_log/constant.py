"""The part of a task's prompts that never changes: what trimming it, or a provider's cache, would save."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import numpy as np

from insource.decision.from_log.figures import product, proportion, scaled, unknown
from insource.decision.from_log.gathering import NO_PROMPT, NO_TEXT, Gathered
from insource.foundation.clock import from_microseconds
from insource.types import Estimate, Usage
from insource.types.log_profile import ConstantPrompt

Price = Callable[[str, Usage, datetime], Decimal | None]
"""What one call of a model costs in US dollars by its tokens and its time; None when unknown."""

CACHED_FROM = 1024
"""Tokens of a constant beginning from which providers cache it: the pages of OpenAI and Anthropic on prompt
caching name 1,024 for most models (from memory: check it for yours)."""
_CACHED = f"a provider's cache takes beginnings from {CACHED_FROM:,} tokens"


def constant_of(calls: Gathered, per_month: Estimate, price: Price) -> ConstantPrompt:
    """Return the constant share of the input tokens, and its money at today's prices of the models used.

    Characters stand for tokens: the share is of characters, the tokens are the mean input times the share.
    """
    read = calls.columns["place"] >= 0
    if not read.any() or not any(calls.prompts):
        none = unknown(NO_PROMPT if read.any() else NO_TEXT)
        return ConstantPrompt(
            share=none, tokens=none, trimming_usd_per_month=none, caching_usd_per_month=none
        )
    found = proportion(calls.columns["fixed"][read], calls.columns["characters"][read], calls.days[read])
    found = found.model_copy(update={"method": f"{found.method}, by characters"})
    usage = _mean_usage(calls)
    if usage is None or found.value is None:
        none = unknown("no answered call has input and output tokens")
        return ConstantPrompt(
            share=found, tokens=none, trimming_usd_per_month=none, caching_usd_per_month=none
        )
    tokens = scaled(found, usage[0], "; times the mean input tokens")
    trimmed, cached = _savings(calls, usage, tokens.value or 0.0, price)
    return ConstantPrompt(
        share=found,
        tokens=tokens,
        trimming_usd_per_month=_monthly(trimmed, found, per_month),
        caching_usd_per_month=_monthly(cached, found, per_month, _CACHED),
    )


def _mean_usage(calls: Gathered) -> tuple[float, float, float] | None:
    """Return the mean input, cached and output tokens of the calls that have both counts."""
    known = calls.known("input") & calls.known("output")
    if not known.any():
        return None
    cached = np.where(calls.known("cached"), calls.columns["cached"], 0)
    given, written = calls.columns["input"][known], calls.columns["output"][known]
    return float(given.mean()), float(cached[known].mean()), float(written.mean())


def _savings(
    calls: Gathered, usage: tuple[float, float, float], constant: float, price: Price
) -> tuple[float | None, float | None]:
    """Return the dollars a call that trimming and caching take off, a mean over the models by their calls.

    Without its constant part a prompt also loses the tokens that were read from a cache for it.
    """
    given, cached, written = usage
    at = from_microseconds(int(calls.columns["started"][-1]))
    counts = np.bincount(calls.columns["model"], minlength=len(calls.models))
    trimmed = cheaper = 0.0
    for model, count in zip(calls.models, counts.tolist(), strict=True):
        now = price(model, _usage(given, cached, written), at)
        less = price(model, _usage(given - constant, max(cached - constant, 0.0), written), at)
        held = price(model, _usage(given, max(cached, constant), written), at)
        if now is None or less is None or held is None:
            return None, None
        trimmed += float(now - less) * count / len(calls)
        cheaper += float(now - held) * count / len(calls) if constant >= CACHED_FROM else 0.0
    return max(trimmed, 0.0), max(cheaper, 0.0)


def _usage(given: float, cached: float, written: float) -> Usage:
    whole = round(max(given, 0.0))
    return Usage(input_tokens=whole, cached_tokens=min(round(cached), whole), output_tokens=round(written))


def _monthly(per_call: float | None, share: Estimate, per_month: Estimate, note: str = "") -> Estimate:
    """Return the dollars a month, with the intervals of the share and of the volume."""
    if per_call is None:
        return unknown("the price of a model that answered is unknown")
    if not share.value:
        return scaled(share, 0.0)
    found = product(scaled(share, per_call / share.value), per_month)
    return found.model_copy(update={"note": "; ".join(filter(None, (found.note, note)))})
