"""A confidence threshold with a guarantee: Learn-then-Test (Angelopoulos et al. 2021, arXiv 2110.01052)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.distributions import binomial_cdf


def minimum_calibration_n(max_error: float, delta: float) -> int:
    """Return the fewest accepted, all-correct documents that support a guarantee: ln δ / ln(1 - error)."""
    # Without an error the binomial tail is (1 - max_error)^n; solve for a tail of at most delta.
    return math.ceil(math.log(delta) / math.log1p(-max_error))


def ltt_sizes(n: int, max_error: float, delta: float) -> tuple[int, ...]:
    """Return how many of the ``n`` most confident documents each test accepts, in the order of the tests.

    The sizes follow from ``n``, the bound and ``delta`` alone, before any outcome is seen. They are empty
    when ``n`` documents cannot support the bound.

    A test has the most power at a size where one more error has just become tolerable, so those sizes are
    tested. The first is at least n √max_error: a smaller set tolerates so few errors that one unlucky answer
    among the surest ends the walk, and a larger one holds more errors than a strict bound allows. From the
    last of these sizes on, every size is tested: the tolerated errors stay the same, so this costs nothing.
    Where at most two such sizes are left, every size from the first on is tested.
    ``benchmarks/bench_bound_start.py`` compares this start with others by simulation.
    """
    sizes = _tolerant_sizes(n, max_error, delta)
    late = [size for size in sizes if size >= n * math.sqrt(max_error)] or sizes[-1:]
    if len(late) <= 2:
        return tuple(range(late[0], n + 1)) if late else ()
    return (*late[:-1], *range(late[-1], n + 1))


def _tolerant_sizes(n: int, max_error: float, delta: float) -> list[int]:
    """Return the sizes up to ``n`` at which the first error, the second, … has just become tolerable."""
    sizes: list[int] = []
    start = minimum_calibration_n(max_error, delta)
    exactly = at_most = (1 - max_error) ** start  # P(X = k) and P(X <= k) of X ~ Binomial(size, max_error)
    for size in range(start, n + 1):
        k = len(sizes)
        if at_most <= delta:
            sizes.append(size)
            exactly *= (size - k) / (k + 1) * max_error / (1 - max_error)
            at_most, k = at_most + exactly, k + 1
        # One more document. The recursion costs no call, so a hundred thousand documents take a moment.
        at_most -= max_error * exactly
        exactly *= (1 - max_error) * (size + 1) / (size + 1 - k)
    return sizes


def ltt_threshold(
    confidence: ArrayLike,
    correct: ArrayLike,
    max_error: float,
    delta: float,
    sizes: Sequence[int] | None = None,
) -> float | None:
    """Return the lowest threshold whose accepted answers have an error rate of at most ``max_error``.

    The guarantee holds with probability 1 - ``delta``. ``confidence`` and ``correct`` hold one value per
    calibration document. None means that the data support no threshold: send everything to the cloud.

    Thresholds are tested from the strictest down (a fixed sequence, so their number needs no correction),
    at the ``sizes`` of accepted sets, by default ``ltt_sizes``. Each test is the exact binomial tail of "the
    error rate exceeds ``max_error``"; the first failure ends the sequence. Documents of equal confidence are
    accepted together, so a set may be larger than its size; its own number is tested.

    ``sizes`` must not depend on ``correct``. Above a threshold the errors are binomial, so the first tested
    threshold that breaks the bound passes with probability ``delta`` at most, and nothing after it counts.
    This needs an error rate that stays above the bound once the threshold is low enough to reach it, which a
    confidence that ranks answers gives.

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
    order = np.argsort(-scores, kind="stable")
    ranked, wrong = scores[order], np.cumsum(~right[order])
    best = None
    for size in ltt_sizes(len(scores), max_error, delta) if sizes is None else sizes:
        threshold = ranked[size - 1]
        accepted = int(np.searchsorted(-ranked, -threshold, side="right"))
        if binomial_cdf(int(wrong[accepted - 1]), accepted, max_error) > delta:
            break
        best = float(threshold)
    return best
