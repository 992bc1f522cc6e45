"""How many more documents or groups would make a bound hold that the calibration split does not support."""

from __future__ import annotations

import math

import numpy as np

from insource.routing.bounds.losses import BY_DOCUMENT, Judged
from insource.stats.betting import ratio_evidence
from insource.stats.distributions import binomial_cdf
from insource.stats.group_bounds import SPARE, group_losses
from insource.stats.learn_then_test import ltt_sizes, minimum_calibration_n, ratio_sizes

MOST_TIMES = 20
"""More than this many times the documents at hand is no advice."""
STEP = 1.1


def units_needed(known: Judged, max_error: float, delta: float) -> int | None:
    """Return about how many documents, or groups where they are the unit, would support a bound.

    They are expected to be as often right as those at hand. The result is None when more than ``MOST_TIMES``
    as many would be needed, or no number suffices.
    """
    needed = _groups_needed if known.unit == "groups" else _documents_needed
    return needed(known, max_error, delta) if known.units else None


def _documents_needed(known: Judged, max_error: float, delta: float) -> int | None:
    """Return the size, to two digits, at which what is expected to be wrong in the first set is tolerable.

    That set takes in every answer of its lowest confidence, as the test does.
    """
    at_hand = len(known.confidence)
    order = np.argsort(-known.confidence, kind="stable")
    ranked, wrong, counted = -known.confidence[order], known.wrong[order], known.counted[order]
    exact = known.loss in BY_DOCUMENT
    sizes = ltt_sizes if exact else ratio_sizes
    n = max(at_hand, minimum_calibration_n(max_error, delta))
    most = MOST_TIMES * n
    while n <= most:
        size = sizes(n, max_error, delta)[0]
        least = math.ceil(size / n * at_hand)
        share = int(np.searchsorted(ranked, ranked[least - 1], side="right"))
        size = round(size * share / least)
        if n > at_hand and (
            _tolerable(int(wrong[:share].sum()), share, size, max_error, delta)
            if exact
            else _passes(wrong[:share], counted[:share], known.most, size, max_error, delta)
        ):
            return _two_digits(n)
        n = math.ceil(n * STEP)
    return None


def _groups_needed(known: Judged, max_error: float, delta: float) -> int | None:
    """Return at how many groups the surest documents of groups like these would pass the first test.

    Those are the n √max_error surest documents, of ``SPARE`` times the groups that suffice without an error.
    """
    needed = minimum_calibration_n(max_error, delta)
    order = np.argsort(-known.confidence, kind="stable")
    first = order[: max(1, math.ceil(len(order) * math.sqrt(max_error)))]
    share = group_losses(known.wrong[first], known.counted[first], known.groups[first]).share
    seen = len(share) / known.units
    n = max(known.units + 1, needed)
    most = MOST_TIMES * max(known.units, needed)
    while n <= most:
        served = max(min(n, math.ceil(SPARE * needed)), round(seen * n))
        if _passes(share, np.ones_like(share), 1, served, max_error, delta):
            return _two_digits(n) if n > needed else n
        n = math.ceil(n * STEP)
    return None


def _tolerable(wrong: int, of: int, size: int, max_error: float, delta: float) -> bool:
    """Return whether the errors expected among ``size`` documents pass, with ``wrong`` of ``of`` at hand."""
    return binomial_cdf(math.ceil(wrong / of * size), size, max_error) <= delta


def _passes(
    wrong: np.ndarray, counted: np.ndarray, most: float, size: int, max_error: float, delta: float
) -> bool:
    """Return whether ``size`` units like these, which are repeated, pass the test of a ratio."""
    counted = np.minimum(counted, most)
    wrong = np.minimum(wrong, counted)
    evidence = ratio_evidence(np.resize(wrong, size), np.resize(counted, size), most, max_error, delta)
    return evidence >= math.log(1 / delta)


def _two_digits(n: int) -> int:
    unit = int(10 ** max(0, len(str(n)) - 2))
    return math.ceil(n / unit) * unit
