"""A confidence threshold with a guarantee: Learn-then-Test (Angelopoulos et al. 2021, arXiv 2110.01052)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.betting import ratio_evidence
from insource.stats.distributions import binomial_cdf

RATIO_STEP = 0.02
"""Between two tested sets of a ratio, as a share of the documents."""


def minimum_calibration_n(max_error: float, delta: float) -> int:
    """Return the fewest accepted, all-correct documents that support a guarantee: ln δ / ln(1 - error)."""
    # Without an error the binomial tail is (1 - max_error)^n; solve for a tail of at most delta.
    return math.ceil(math.log(delta) / math.log1p(-max_error))


def least_abstention(error_rate: float, max_error: float) -> float:
    """Return the share that no method can serve under the bound: (μ - α) / (1 - α), or 0.

    ``error_rate`` μ is the share that is wrong where everything is served. Even a method that withholds
    nothing but wrong answers has to withhold that many of them (arXiv 2606.29054).
    """
    return max(0.0, (error_rate - max_error) / (1 - max_error))


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
    order = ranked(scores, right, max_error, delta)
    wrong = np.cumsum(~right[order])
    tests = ltt_sizes(len(scores), max_error, delta) if sizes is None else sizes
    return lowest(scores[order], tests, lambda k: binomial_cdf(int(wrong[k - 1]), k, max_error) <= delta)


def ratio_sizes(n: int, max_ratio: float, delta: float) -> tuple[int, ...]:
    """Return how many of the ``n`` most confident documents each test of a ratio accepts, in their order.

    As ``ltt_sizes``, they follow from ``n``, the bound and ``delta`` alone. The first set has at least
    n √max_ratio documents, and half as many again as suffice where all is right and documents hold half of
    the most that they can; then the sets grow by ``RATIO_STEP`` of the documents.
    """
    if n < minimum_calibration_n(max_ratio, delta):
        return ()
    half_full = math.log(1 / delta) / math.log1p(max_ratio / (1 - max_ratio) / 2)
    start = min(n, math.ceil(max(n * math.sqrt(max_ratio), 1.5 * half_full)))
    return tuple(sorted({*range(start, n, max(1, round(RATIO_STEP * n))), n}))


def ltt_ratio_threshold(
    confidence: ArrayLike, wrong: ArrayLike, counted: ArrayLike, most: float, max_ratio: float, delta: float
) -> float | None:
    """Return the lowest threshold whose accepted documents have E[wrong] / E[counted] <= ``max_ratio``.

    As ``ltt_threshold``, for what a document holds several of, such as fields: ``wrong`` of the ``counted``
    values of each document are wrong, and none can hold more than ``most``, which must be known before the
    outcomes. The document is the unit, and its values may depend on each other. Each test is a bet against
    "the ratio is ``max_ratio`` or more" (``stats.betting``), at the sizes of ``ratio_sizes``.

    Raises:
        ValueError: as ``ltt_threshold`` and ``ratio_evidence``.
    """
    scores, lost, of = (np.asarray(values, dtype=float) for values in (confidence, wrong, counted))
    order = ranked(scores, lost, max_ratio, delta)
    if of.shape != scores.shape:
        raise ValueError("wrong and counted must be one-dimensional and of equal length")
    lost, of = lost[order], of[order]
    enough = math.log(1 / delta)
    return lowest(
        scores[order],
        ratio_sizes(len(scores), max_ratio, delta),
        lambda k: ratio_evidence(lost[:k], of[:k], most, max_ratio, delta) >= enough,
    )


def ranked(scores: np.ndarray, outcomes: np.ndarray, bound: float, delta: float) -> np.ndarray:
    """Return the order from the most confident down, once the input is found fit for a test."""
    if scores.shape != outcomes.shape or scores.ndim != 1:
        raise ValueError("confidence and correct must be one-dimensional and of equal length")
    if not np.isfinite(scores).all():
        raise ValueError("confidences must be finite")
    if not (0 < bound < 1 and 0 < delta < 1):
        raise ValueError("max_error and delta must lie between 0 and 1")
    return np.argsort(-scores, kind="stable")


def lowest(ranked: np.ndarray, sizes: Sequence[int], passes: Callable[[int], bool]) -> float | None:
    """Return the last threshold before the first test that fails. Equal confidences are accepted together."""
    best = None
    for size in sizes:
        threshold = ranked[size - 1]
        if not passes(int(np.searchsorted(-ranked, -threshold, side="right"))):
            break
        best = float(threshold)
    return best
