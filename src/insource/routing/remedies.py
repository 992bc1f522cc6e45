"""What would make a bound hold that the calibration split does not support."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from insource.routing.losses import Judged
from insource.stats.betting import ratio_evidence
from insource.stats.distributions import binomial_cdf
from insource.stats.learn_then_test import ltt_sizes, minimum_calibration_n, ratio_sizes

MOST_TIMES = 20
"""More than this many times the documents at hand is no advice."""
STEP = 1.1
BOUNDS = tuple(percent / 100 for percent in range(1, 31))
"""Bounds to try: nobody wants to serve answers of which more than 30 % are wrong."""


class LooserBound(NamedTuple):
    """A bound that the documents at hand support, and the share of them that it would serve locally."""

    max_error: float
    local_share: float


def documents_needed(known: Judged, max_error: float, delta: float) -> int | None:
    """Return about how many calibration documents would support the bound if answers stay as right as these.

    It is the size, to two digits, at which what is expected to be wrong in the first tested set is tolerable.
    That set takes in every answer of its lowest confidence, as the test does. The result is None when more
    than ``MOST_TIMES`` as many would be needed, or no number suffices.
    """
    at_hand = len(known.confidence)
    if not at_hand:
        return None
    order = np.argsort(-known.confidence, kind="stable")
    ranked, wrong, counted = -known.confidence[order], known.wrong[order], known.counted[order]
    sizes = ltt_sizes if known.loss == "documents" else ratio_sizes
    n = max(at_hand, minimum_calibration_n(max_error, delta))
    most = MOST_TIMES * n
    while n <= most:
        size = sizes(n, max_error, delta)[0]
        least = math.ceil(size / n * at_hand)
        share = int(np.searchsorted(ranked, ranked[least - 1], side="right"))
        size = round(size * share / least)
        if n > at_hand and (
            _tolerable(int(wrong[:share].sum()), share, size, max_error, delta)
            if known.loss == "documents"
            else _passes(known, wrong[:share], counted[:share], size, max_error, delta)
        ):
            return _two_digits(n)
        n = math.ceil(n * STEP)
    return None


def _tolerable(wrong: int, of: int, size: int, max_error: float, delta: float) -> bool:
    """Return whether the errors expected among ``size`` documents pass, with ``wrong`` of ``of`` at hand."""
    return binomial_cdf(math.ceil(wrong / of * size), size, max_error) <= delta


def _passes(
    known: Judged, wrong: np.ndarray, counted: np.ndarray, size: int, max_error: float, delta: float
) -> bool:
    """Return whether ``size`` documents like these, which are repeated, pass the test of a ratio."""
    evidence = ratio_evidence(np.resize(wrong, size), np.resize(counted, size), known.most, max_error, delta)
    return evidence >= math.log(1 / delta)


def looser_bound(known: Judged, max_error: float, delta: float) -> LooserBound | None:
    """Return the strictest bound in whole percents above ``max_error``, up to 30 %, that holds here.

    It is chosen after the outcomes were seen, so it is no guarantee until fresh documents support it.
    """
    for bound in BOUNDS:
        if bound > max_error:
            threshold = known.threshold(bound, delta)
            if threshold is not None:
                return LooserBound(bound, float((known.confidence >= threshold).mean()))
    return None


def _two_digits(n: int) -> int:
    unit = int(10 ** max(0, len(str(n)) - 2))
    return math.ceil(n / unit) * unit
