"""What a cache would save: exact repeats are its floor, near-repeats its ceiling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from insource.decision.from_log.figures import Span, of_trials, per_month, share, unknown
from insource.decision.from_log.gathering import NO_TEXT, Gathered
from insource.decision.from_log.traffic import NANO
from insource.similarity.near_duplicates import Pair
from insource.types import Estimate
from insource.types.log_profile import Repetition


def repetition_of(calls: Gathered, span: Span, near: dict[int, Pair], per_month_usd: Estimate) -> Repetition:
    """Return the shares of repeated calls.

    Args:
        near: the documents that repeat or nearly repeat an earlier one, by place, over all tasks.
        per_month_usd: what the task costs; where that is unknown, so is what a cache would save.
    """
    read = calls.columns["place"] >= 0
    if not read.any():
        none = unknown(NO_TEXT)
        return Repetition(exact=none, near=none, same_answer=none, exact_usd_per_month=none)
    again = repeated(calls)
    days = calls.days[read]
    places = calls.columns["place"][read]
    nearly = np.array([place in near for place in places.tolist()]) | again[read]
    saved = np.where(again & calls.known("cost"), calls.columns["cost"], 0) * NANO
    return Repetition(
        exact=share(again[read], days),
        near=share(nearly, days),
        same_answer=_same_answer(calls, near),
        exact_usd_per_month=per_month(saved, calls.days, span) if per_month_usd.measured else per_month_usd,
    )


def repeated(calls: Gathered) -> NDArray[np.bool_]:
    """Return for each call whether an earlier call with an equal request was answered."""
    request, answered = calls.columns["request"], calls.columns["outcome"] == 0
    text = calls.columns["place"] >= 0
    order = np.arange(len(request))
    first = np.full(len(request), len(request))
    _, kind = np.unique(request, return_inverse=True)
    np.minimum.at(first, kind[answered & text], order[answered & text])
    return np.asarray(text & (order > first[kind]))


def _same_answer(calls: Gathered, near: dict[int, Pair]) -> Estimate:
    """Return how often a near-repeat was answered as its like was, where both were answered."""
    said = dict(zip(calls.columns["place"].tolist(), calls.columns["said"].tolist(), strict=True))
    usable = dict(zip(calls.columns["place"].tolist(), calls.columns["usable"].tolist(), strict=True))
    pairs = [pair for place in said if place >= 0 and (pair := near.get(place)) is not None]
    judged = [pair for pair in pairs if usable.get(pair.first) and usable.get(pair.second)]
    same = sum(said[pair.first] == said[pair.second] for pair in judged)
    return of_trials(same, len(judged), "no document repeats or nearly repeats another one")
