"""The distribution functions that the intervals need, from ``scipy.special``.

``scipy.special`` is loaded on first use, so that importing this module stays fast.
"""

from __future__ import annotations

from statistics import NormalDist


def normal_quantile(probability: float) -> float:
    """Return z with P(Z <= z) = ``probability``."""
    return NormalDist().inv_cdf(probability)


def two_sided_normal_p(z: float) -> float:
    """Return the two-sided p-value of a standard normal statistic."""
    # The lower tail: 1 - cdf(z) loses all digits beyond z = 8.
    return 2.0 * NormalDist().cdf(-abs(z))


def t_quantile(probability: float, df: float) -> float:
    """Return t with P(T <= t) = ``probability`` for ``df`` degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def upper_normal_p(z: float) -> float:
    """Return P(Z > z)."""
    return NormalDist().cdf(-z)


def t_cdf(t: float, df: float) -> float:
    """Return P(T <= t) for ``df`` degrees of freedom."""
    from scipy.special import stdtr

    return float(stdtr(df, t))


def noncentral_t_cdf(t: float, df: float, shift: float) -> float:
    """Return P(T <= t) for ``df`` degrees of freedom and the noncentrality ``shift``."""
    from scipy.special import nctdtr

    return float(nctdtr(df, shift, t))


def chi_square_quantile(probability: float, df: float) -> float:
    """Return x with P(X <= x) = ``probability`` for ``df`` degrees of freedom, not necessarily whole."""
    from scipy.special import gammaincinv

    return 2.0 * float(gammaincinv(df / 2, probability))


def binomial_cdf(successes: int, n: int, probability: float) -> float:
    """Return P(X <= ``successes``) for X ~ Binomial(n, probability)."""
    from scipy.special import bdtr

    # bdtr returns NaN outside 0 <= successes <= n.
    if successes < 0:
        return 0.0
    return 1.0 if successes >= n else float(bdtr(successes, n, probability))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return x with P(B <= x) = ``probability`` for B ~ Beta(a, b)."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))
