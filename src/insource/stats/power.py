"""Sample sizes for a paired comparison.

``q`` is the share of documents on which exactly one of the two systems is right. It cannot exceed the share
of logged inputs on which their canonical outputs differ, so a bound is known before labelling.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.distributions import (
    binomial_cdf,
    chi_square_quantile,
    noncentral_t_cdf,
    normal_quantile,
    t_quantile,
)
from insource.stats.intervals import Interval
from insource.stats.paired import AllAlike, ExactAndScore

_NEGLIGIBLE = 1e-9
_LARGE = 2000  # from here on, t is normal in the digits that a sample size has


def superiority_n(q: float, gap: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return the documents needed to show a true ``gap`` of two rates, two-sided (Connor 1987, McNemar's
    test).

    n = (z_{1-alpha/2} sqrt(q) + z_power sqrt(q - gap^2))^2 / gap^2.

    Raises:
        ValueError: the gap is zero or larger than ``q``, which is impossible for two systems.
    """
    if not 0 < abs(gap) <= q <= 1:
        raise ValueError("the gap must be positive and at most q")
    # A difference of -1, 0 or 1 has the variance q when the rates are equal, and q - gap² when they are not.
    root = normal_quantile(1 - alpha / 2) * math.sqrt(q) + normal_quantile(power) * math.sqrt(q - gap * gap)
    return math.ceil(root**2 / gap**2)


def noninferiority_n(q: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return the documents needed to show "not worse by ``margin``" when the systems are equal, one-sided.

    n = (z_{1-alpha} + z_power)^2 q / margin^2.

    Raises:
        ValueError: the margin is not positive, or ``q`` is outside [0, 1].
    """
    if margin <= 0 or not 0 <= q <= 1:
        raise ValueError("the margin must be positive and q must lie between 0 and 1")
    return math.ceil((normal_quantile(1 - alpha) + normal_quantile(power)) ** 2 * q / margin**2)


def mean_difference_n(
    variance: float, distance: float, alpha: float = 0.05, power: float = 0.8, design_effect: float = 1.0
) -> int:
    """Return the documents needed for a two-sided interval of a mean difference to exclude a point
    ``distance`` away.

    n = (z_{1-alpha/2} + z_power)^2 variance / distance^2, times the design effect.

    Raises:
        ValueError: the distance is not positive.
    """
    if distance <= 0:
        raise ValueError("the distance must be positive")
    z = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    return math.ceil(z * z * variance * design_effect / distance**2)


def t_test_n(variance: float, distance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return the units needed for a two-sided t interval of their mean to exclude a point ``distance`` away.

    ``variance`` is that of one unit. The power is exact (noncentral t, n - 1 degrees of freedom), so that few
    units pay for the wide tails of t. Above some thousand units it is ``mean_difference_n``.

    Raises:
        ValueError: the distance or the variance is not positive.
    """
    if variance <= 0:
        raise ValueError("the variance must be positive")
    normal = mean_difference_n(variance, distance, alpha, power)
    if normal >= _LARGE:
        return normal

    n = max(2, normal)  # t never needs fewer
    while t_test_power(variance, distance, n, alpha) < power:
        n += 1
    return n


def t_test_power(variance: float, distance: float, n: int, alpha: float = 0.05) -> float:
    """Return the probability that a two-sided t interval of a mean of ``n`` units lies above a point.

    The true mean is ``distance`` above that point, below it when negative. ``variance`` is that of one unit.
    Exact, by the noncentral t.

    Raises:
        ValueError: the variance is not positive, or there are fewer than two units.
    """
    if variance <= 0 or n < 2:
        raise ValueError("the variance must be positive, and there must be two units or more")
    limit = t_quantile(1 - alpha / 2, n - 1)
    return 1 - noncentral_t_cdf(limit, n - 1, distance * math.sqrt(n / variance))


def paired_binary_power(q: float, gain: float, margin: float, n: int, alpha: float = 0.05) -> float:
    """Return the probability that ``paired_binary`` puts a difference of two rates above ``-margin``.

    ``q`` is the true share of documents on which exactly one system is right, ``gain`` the true difference.
    Exact: the sum over how many of ``n`` documents differ, and how many of these the first system wins.

    Raises:
        ValueError: the gain exceeds ``q``, or ``q`` or the margin lies outside (0, 1).
    """
    if not (0 < q < 1 and abs(gain) <= q and 0 < margin < 1):
        raise ValueError("the margin and q must lie between 0 and 1, and the gain must be at most q")
    share, level, found, least = (q + gain) / (2 * q), alpha / 2, 0.0, 0
    below = 0.0
    for differing in range(n + 1):
        upto = binomial_cdf(differing, n, q)
        chance, below = upto - below, upto
        if chance > _NEGLIGIBLE:
            least = _least_wins(differing, least, margin, n, level)
            found += chance * (1 - binomial_cdf(least - 1, differing, share))
        elif upto > 0.5:
            break
    return found


def _least_wins(differing: int, start: int, margin: float, n: int, level: float) -> int:
    """Return the fewest wins among the differing documents that reject "worse by the margin or more".

    It never falls with the number of differing documents, so the search begins at the last one.
    """
    if differing == 0:
        return 0 if AllAlike(0.0, n).p_above(-margin) < level else 1
    wins = start
    while wins <= differing and ExactAndScore(wins, differing - wins, n).p_above(-margin) >= level:
        wins += 1
    return wins


def paired_binary_n(
    q: float, gain: float, margin: float, alpha: float = 0.05, power: float = 0.8, most: int = 100_000
) -> int | None:
    """Return about the fewest documents at which ``paired_binary_power`` reaches ``power``.

    Counts are whole, so the power rises in saw teeth: the number is within 2 %. None when ``most`` are too
    few, as with a true loss of the margin or more.

    Raises:
        ValueError: as ``paired_binary_power``.
    """
    if gain <= -margin:
        return None
    low, high = 1, max(2, noninferiority_n(q, margin + gain, alpha / 2, power))
    while paired_binary_power(q, gain, margin, high, alpha) < power:
        low, high = high, math.ceil(1.25 * high)
        if high > most:
            return None
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        enough = paired_binary_power(q, gain, margin, middle, alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def variance_interval(variance: float, df: float, confidence: float = 0.8) -> Interval:
    """Return the chi-square interval of a variance with ``df`` degrees of freedom."""
    tail = (1 - confidence) / 2
    return Interval(
        variance * df / chi_square_quantile(1 - tail, df), variance * df / chi_square_quantile(tail, df)
    )


def variance_df(values: ArrayLike) -> float:
    """Return the degrees of freedom that the variance of ``values`` is worth, from their kurtosis.

    A normal sample of n values has about n - 1. Where most values are zero, the few others carry the
    variance, and it is worth about twice their number. The first two moments are those of chi-square
    (Satterthwaite 1946).
    """
    array = np.asarray(values, dtype=float)
    centred = array - array.mean()
    second = float(np.mean(centred**2))
    if second == 0:
        return 1.0
    excess = float(np.mean(centred**4)) / second**2 - 1
    return min(max(2 * len(array) / max(excess, 1e-9), 1.0), max(len(array) - 1.0, 1.0))


def rule_of_three_n(margin: float, confidence: float = 0.95) -> int:
    """Return the documents without any event needed for the rule-of-three bound to fall below ``margin``.

    Raises:
        ValueError: the margin is outside (0, 1).
    """
    if not 0 < margin < 1:
        raise ValueError("the margin must lie between 0 and 1")
    # Not a ceiling: the bound has to be strictly below the margin.
    return math.floor(math.log(1 - confidence) / math.log1p(-margin)) + 1


def smallest_gap(q: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Return the smallest gap of two rates that ``n`` documents can show; None when it would exceed ``q``.

    The condition of ``superiority_n`` is solved for the gap by bisection.

    Raises:
        ValueError: ``q`` is outside (0, 1] or ``n`` is below 1.
    """
    if not 0 < q <= 1 or n < 1:
        raise ValueError("q must lie in (0, 1] and n must be at least 1")
    za, zb = normal_quantile(1 - alpha / 2), normal_quantile(power)

    def shortfall(gap: float) -> float:
        # It decreases in the gap, so it has one root at most.
        return za * math.sqrt(q) + zb * math.sqrt(max(q - gap * gap, 0.0)) - gap * math.sqrt(n)

    if shortfall(q) > 0:
        return None
    # 60 halvings reach the precision of a double.
    low, high = 0.0, q
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if shortfall(middle) > 0 else (low, middle)
    return high


def design_effect(cluster_size: float, intraclass_correlation: float) -> float:
    """Return 1 + (m - 1) rho, the factor by which clusters of ``m`` documents inflate the variance (Kish
    1965).
    """
    return 1.0 + (cluster_size - 1.0) * intraclass_correlation
