"""Confidence intervals for one sample: rates, means, ratios and quantiles.

A function returns None when no valid interval exists (too few units, no variation). An interval of width zero
would claim a certainty that the data do not support.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insource.stats.distributions import (
    beta_quantile,
    binomial_cdf,
    chi_square_quantile,
    normal_quantile,
    t_quantile,
)

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """The two ends of a two-sided confidence interval."""

    low: float
    high: float

    def clipped(self, lowest: float, highest: float) -> Interval:
        """Return the part of the interval inside the range that the quantity can take."""
        return Interval(min(max(self.low, lowest), highest), max(min(self.high, highest), lowest))


class StandardError(NamedTuple):
    """A standard error with its degrees of freedom."""

    value: float
    df: int


def wilson(successes: float, n: float, confidence: float = 0.95, df: int | None = None) -> Interval:
    """Return the score interval of a rate (Wilson 1927).

    ``n`` may be an effective sample size; with ``df`` given, the t quantile replaces the normal one (Dean and
    Pagano 2015, for clustered samples).

    Raises:
        ValueError: ``n`` is not positive.
    """
    if n <= 0:
        raise ValueError("a rate needs at least one observation")
    upper = 1 - (1 - confidence) / 2
    z = normal_quantile(upper) if df is None else t_quantile(upper, df)
    rate, z2 = successes / n, z * z
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    # Both ends are in [0, 1] up to rounding; at 0 successes, for example, centre and half are equal.
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the exact, conservative interval of a rate (Clopper and Pearson 1934).

    Raises:
        ValueError: ``n`` is not positive.
    """
    if n <= 0:
        raise ValueError("a rate needs at least one observation")
    alpha = 1 - confidence
    # At 0 or n successes a parameter of the Beta distribution would be 0; that end is exact.
    low = 0.0 if successes == 0 else beta_quantile(alpha / 2, successes, n - successes + 1)
    high = 1.0 if successes == n else beta_quantile(1 - alpha / 2, successes + 1, n - successes)
    return Interval(low, high)


def poisson(events: int, confidence: float = 0.95) -> Interval:
    """Return the exact, conservative interval of the mean of a Poisson count (Garwood 1936).

    Raises:
        ValueError: ``events`` is negative.
    """
    if events < 0:
        raise ValueError("a count is not negative")
    alpha = 1 - confidence
    low = 0.0 if events == 0 else chi_square_quantile(alpha / 2, 2 * events) / 2
    return Interval(low, chi_square_quantile(1 - alpha / 2, 2 * events + 2) / 2)


def rule_of_three(n: int, confidence: float = 0.95) -> float:
    """Return the largest rate compatible with no event in ``n`` trials: a one-sided bound, exact.

    About 3/n at 95 %: 9.5 % at n = 30, 3.0 % at 100, 1.0 % at 300 (Hanley and Lippman-Hand 1983).
    """
    return 1.0 if n <= 0 else 1.0 - float((1 - confidence) ** (1.0 / n))


def cluster_standard_error(
    influence: ArrayLike, clusters: Sequence[Any] | None = None
) -> StandardError | None:
    """Return the cluster-robust standard error of a statistic from its influence values, one per document.

    ``influence`` sums to zero: ``x - mean(x)`` for a mean, ``(a - R b) / mean(b)`` for a ratio R = sum(a) /
    sum(b). With C clusters the variance is C/(C-1) * sum over clusters of (sum of influence)^2 / n^2, with
    C-1 degrees of freedom (Miller 2024, arXiv 2411.00640, app. A). The result is None with fewer than two
    clusters or when nothing varies.
    """
    values = np.asarray(influence, dtype=float)
    sums = values if clusters is None else cluster_sums(values, clusters)
    count = len(sums)
    if count < 2:
        return None
    # Bessel's correction counts clusters, because they are the independent units.
    error = math.sqrt(count / (count - 1) * float(np.sum(sums**2))) / len(values)
    # Rounding leaves about 1e-17 where the exact result is 0.
    return StandardError(error, count - 1) if error > 1e-12 * max(1.0, float(np.abs(values).max())) else None


def mean_t(values: ArrayLike, confidence: float = 0.95) -> Interval | None:
    """Return Student's t interval of a mean of independent values, or None as in ``cluster_mean_t``."""
    return cluster_mean_t(values, None, confidence)


def cluster_mean_t(
    values: ArrayLike, clusters: Sequence[Any] | None, confidence: float = 0.95
) -> Interval | None:
    """Return the t interval of a mean over documents whose errors are correlated within ``clusters``.

    The result is None with fewer than two clusters or when nothing varies.
    """
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        return None
    mean = float(array.mean())
    return t_interval(mean, cluster_standard_error(array - mean, clusters), confidence)


def cluster_ratio_t(
    numerator: ArrayLike,
    denominator: ArrayLike,
    clusters: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> Interval | None:
    """Return the linearised (delta-method) t interval of sum(numerator) / sum(denominator).

    Both arrays hold one value per document. The result is None when the denominators do not sum to a positive
    number, with fewer than two clusters, or when nothing varies.
    """
    influence = ratio_influence(numerator, denominator)
    if influence is None:
        return None
    ratio = float(np.sum(np.asarray(numerator, dtype=float)) / np.sum(np.asarray(denominator, dtype=float)))
    return t_interval(ratio, cluster_standard_error(influence, clusters), confidence)


def ratio_influence(numerator: ArrayLike, denominator: ArrayLike) -> Floats | None:
    """Return (a - R b) / mean(b), one value per document.

    The result is None when the denominators do not sum to a positive number.
    """
    a, b = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    total = float(b.sum())
    if total <= 0:
        return None
    # The linearisation of a ratio (delta method): its standard error is that of the mean of these values.
    influence: Floats = (a - float(a.sum()) / total * b) / (total / len(b))
    return influence


def t_interval(estimate: float, error: StandardError | None, confidence: float = 0.95) -> Interval | None:
    """Return ``estimate`` plus and minus the t quantile times its standard error; None without an error."""
    if error is None:
        return None
    half = t_quantile(1 - (1 - confidence) / 2, error.df) * error.value
    return Interval(estimate - half, estimate + half)


def mover_difference(first: float, first_ends: Interval, second: float, second_ends: Interval) -> Interval:
    """Return the interval of ``first - second`` from those of two independent estimates.

    Each end recovers the variance from the distance to the nearer end of both (MOVER: Zou and Donner 2008,
    Statistics in Medicine 27). For two rates with Wilson's intervals it is Newcombe's hybrid score interval
    (1998, method 10).
    """
    value = first - second
    below = math.hypot(first - first_ends.low, second_ends.high - second)
    above = math.hypot(first_ends.high - first, second - second_ends.low)
    return Interval(value - below, value + above)


def effective_n(rate: float, n: int, error: StandardError) -> float:
    """Return how many independent documents would give a rate this standard error, at most ``n``."""
    # With a negative correlation inside the clusters the quotient exceeds n. The data has no more than n
    # documents, so the interval must not use more.
    return min(float(n), rate * (1 - rate) / error.value**2)


def quantile_interval(values: ArrayLike, quantile: float, confidence: float = 0.95) -> Interval | None:
    """Return the distribution-free interval of a quantile between two order statistics.

    The ranks come from Binomial(n, quantile) with each tail at most (1 - confidence) / 2 (David and Nagaraja
    2003, section 7.1). The result is None when the sample has no such ranks: p50 needs 6 values, p95 needs
    72.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n, tail = len(ordered), (1 - confidence) / 2
    if not 0 < quantile < 1 or n == 0:
        return None
    # low: the largest rank r with P(X < r) <= tail; high: the smallest rank s with P(X >= s) <= tail.
    # ``below[k]`` is P(X < k + 1) and grows with k, so the number of small values is the rank.
    below = [binomial_cdf(k, n, quantile) for k in range(n)]
    low = sum(p <= tail for p in below)
    high = next((k + 1 for k, p in enumerate(below) if p >= 1 - tail), None)
    if low < 1 or high is None:
        return None
    return Interval(float(ordered[low - 1]), float(ordered[high - 1]))


def cluster_sums(values: ArrayLike, clusters: Sequence[Any]) -> Floats:
    """Return the sum of ``values`` in each cluster, in order of first appearance.

    Raises:
        ValueError: ``values`` and ``clusters`` differ in length.
    """
    array = np.asarray(values, dtype=float)
    if len(clusters) != len(array):
        raise ValueError("values and clusters must have the same length")
    index: dict[Any, int] = {}
    codes = [index.setdefault(cluster, len(index)) for cluster in clusters]
    return np.bincount(codes, weights=array, minlength=len(index)).astype(float)
