"""A confidence threshold with a guarantee: Learn-then-Test (Angelopoulos et al. 2021, arXiv 2110.01052)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.distributions import binomial_cdf


def minimum_calibration_n(max_error: float, delta: float) -> int:
    """Return the fewest accepted, all-correct documents that support a guarantee: ln δ / ln(1 - error)."""
    # Without an error the binomial tail is (1 - max_error)^n; solve for a tail of at most delta.
    return math.ceil(math.log(delta) / math.log1p(-max_error))


def ltt_threshold(
    confidence: ArrayLike, correct: ArrayLike, max_error: float, delta: float, min_n: int | None = None
) -> float | None:
    """Return the lowest threshold whose accepted answers have an error rate of at most ``max_error``.

    The guarantee holds with probability 1 - ``delta``. ``confidence`` and ``correct`` hold one value per
    calibration document. None means that the data support no threshold: send everything to the cloud.

    Thresholds are tested from the strictest down (a fixed sequence, so their number needs no correction).
    Each test is the exact binomial tail of "the error rate exceeds ``max_error``"; the first failure ends the
    sequence. The grid is at most 101 quantiles of ``confidence``. It does not depend on ``correct``, and
    given the confidences the errors are independent, so the binomial tail stays valid (Hoeffding 1956).
    Thresholds that accept fewer documents than ``min_n`` or ``minimum_calibration_n`` are skipped.

    Raises:
        ValueError: the lengths differ, a confidence is not finite, or a rate is outside (0, 1).
    """
    scores, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    if scores.shape != right.shape or scores.ndim != 1:
        raise ValueError("confidence and correct must be one-dimensional and of equal length")
    if not np.isfinite(scores).all():
        raise ValueError("confidences must be finite")
    if not (0 < max_error < 1 and 0 < delta < 1):
        raise ValueError("max_error and delta must lie between 0 and 1")
    start = max(min_n or 1, minimum_calibration_n(max_error, delta))
    best = None
    # "lower" keeps grid points on observed scores, so that no interpolated value depends on rounding.
    grid = np.unique(np.quantile(scores, np.linspace(0, 1, 101), method="lower")) if len(scores) else scores
    for threshold in grid[::-1]:
        accepted = scores >= threshold
        n = int(accepted.sum())
        # A threshold that accepts too few cannot pass, and its failure would end the walk. Which ones are
        # skipped depends on the confidences alone, so the sequence stays fixed.
        if n < start:
            continue
        if binomial_cdf(int((~right[accepted]).sum()), n, max_error) > delta:
            break
        best = float(threshold)
    return best
