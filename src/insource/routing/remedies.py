"""What would make a bound hold that the calibration split does not support."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from insource.stats.distributions import binomial_cdf
from insource.stats.learn_then_test import ltt_sizes, ltt_threshold, minimum_calibration_n

MOST_TIMES = 20
"""More than this many times the documents at hand is no advice."""
STEP = 1.1
BOUNDS = tuple(percent / 100 for percent in range(1, 31))
"""Bounds to try: nobody wants to serve answers of which more than 30 % are wrong."""


class LooserBound(NamedTuple):
    """A bound that the documents at hand support, and the share of them that it would serve locally."""

    max_error: float
    local_share: float


def documents_needed(
    confidence: list[float], correct: list[bool], max_error: float, delta: float
) -> int | None:
    """Return about how many calibration documents would support the bound if answers stay as right as these.

    It is the size, to two digits, at which the errors expected in the first tested set are tolerable. That
    set takes in every answer of its lowest confidence, as the test does. The result is None when more than
    ``MOST_TIMES`` as many would be needed, or no number suffices.
    """
    if not confidence:
        return None
    order = np.argsort(-np.asarray(confidence), kind="stable")
    ranked = -np.asarray(confidence)[order]
    wrong = np.cumsum(~np.asarray(correct, dtype=bool)[order])
    at_hand = len(wrong)
    n = max(at_hand, minimum_calibration_n(max_error, delta))
    most = MOST_TIMES * n
    while n <= most:
        size = ltt_sizes(n, max_error, delta)[0]
        least = math.ceil(size / n * at_hand)
        share = int(np.searchsorted(ranked, ranked[least - 1], side="right"))
        size = round(size * share / least)
        expected = math.ceil(wrong[share - 1] / share * size)
        if n > at_hand and binomial_cdf(expected, size, max_error) <= delta:
            return _two_digits(n)
        n = math.ceil(n * STEP)
    return None


def looser_bound(
    confidence: list[float], correct: list[bool], max_error: float, delta: float
) -> LooserBound | None:
    """Return the strictest bound in whole percents above ``max_error``, up to 30 %, that holds here.

    It is chosen after the outcomes were seen, so it is no guarantee until fresh documents support it.
    """
    scores = np.asarray(confidence, dtype=float)
    for bound in BOUNDS:
        if bound > max_error:
            threshold = ltt_threshold(scores, correct, bound, delta)
            if threshold is not None:
                return LooserBound(bound, float((scores >= threshold).mean()))
    return None


def _two_digits(n: int) -> int:
    unit = int(10 ** max(0, len(str(n)) - 2))
    return math.ceil(n / unit) * unit
