"""A confidence threshold with a guarantee: Learn-then-Test (Angelopoulos et al. 2021, arXiv 2110.01052)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.distributions import binomial_cdf


def minimum_calibration_n(max_error: float, delta: float) -> int:
    """Accepted documents, all of them right, without which nothing is guaranteed: ln δ / ln(1 - error)."""
    # Without an error the binomial tail is (1 - max_error)^n; solve for a tail of at most delta.
    return math.ceil(math.log(delta) / math.log1p(-max_error))


def ltt_threshold(
    confidence: ArrayLike, correct: ArrayLike, max_error: float, delta: float, min_n: int | None = None
) -> float | None:
    """The lowest threshold whose accepted answers err at most ``max_error``, with probability 1 - ``delta``.

    Thresholds are tested from the strictest down (fixed sequence, so no correction for their number),
    each with the exact binomial tail of "the error rate exceeds ``max_error``"; the first that fails
    ends the walk. The grid is at most 101 quantiles of ``confidence``: it never looks at ``correct``,
    and given the confidences the errors are independent, for which the binomial tail stays valid
    (Hoeffding 1956). The walk starts at ``min_n`` accepted documents, never below the number without
    which even no error proves anything.

    ``confidence`` and ``correct`` hold one value a calibration document. None means infeasible:
    send everything to the cloud.

    Raises:
        ValueError: for unequal lengths, confidences that are not finite, or rates outside (0, 1).
    """
    scores, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=bool)
    if scores.shape != right.shape or scores.ndim != 1:
        raise ValueError("one confidence and one outcome a document")
    if not np.isfinite(scores).all():
        raise ValueError("confidences must be finite")
    if not (0 < max_error < 1 and 0 < delta < 1):
        raise ValueError("max_error and delta must lie between 0 and 1")
    start = max(min_n or 1, minimum_calibration_n(max_error, delta))
    best = None
    # "lower" keeps grid points on observed scores, so that >= means the same to every reader.
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
