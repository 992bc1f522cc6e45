"""Paired comparison of two systems on the same documents: difference, interval and test.

Every p-value and interval here is two-sided, and both come from the same test: the interval excludes zero
exactly when p < 1 - confidence. Values are shares, so differences lie between -1 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.distributions import (
    binomial_cdf,
    normal_quantile,
    t_cdf,
    t_quantile,
    two_sided_normal_p,
    upper_normal_p,
)
from insource.stats.intervals import (
    Floats,
    Interval,
    StandardError,
    clopper_pearson,
    cluster_standard_error,
    cluster_sums,
    rule_of_three,
)

_ROUNDING = 1e-12  # differences are at most 1 in size, so a spread below this is rounding


class PairedTest(Protocol):
    """A test of a paired difference that can be asked at any level and any null value.

    ``p_above(null)`` is the one-sided p-value against "the difference is at most ``null``", ``p_below`` the
    one against "at least ``null``". The interval excludes exactly the values that one of them rejects at half
    of 1 - ``confidence``.
    """

    def interval(self, confidence: float) -> Interval: ...

    def p_above(self, null: float) -> float: ...

    def p_below(self, null: float) -> float: ...


class PairedDifference(NamedTuple):
    """The mean of the paired differences.

    ``interval`` and ``p_value`` are two-sided, and None when nothing can be inferred. ``error`` is the
    standard error behind the interval, or None when nothing varied. ``method`` names the test of both;
    ``test`` answers at other levels and null values.
    """

    value: float
    interval: Interval | None
    p_value: float | None
    error: StandardError | None
    method: str
    test: PairedTest | None = None


class ExactAndScore(NamedTuple):
    """Exact McNemar and Tango's score test, of which the more cautious holds; see ``paired_binary``."""

    first: int
    second: int
    n: int

    def interval(self, confidence: float) -> Interval:
        score = tango(self.first, self.second, self.n, confidence)
        exact = mcnemar_interval(self.first, self.second, self.n, confidence)
        return Interval(min(score.low, exact.low), max(score.high, exact.high))

    def p_above(self, null: float) -> float:
        discordant = self.first + self.second
        # The share of ``first`` among the documents that differ, if the difference is ``null``. Below 0, no
        # share gives so low a difference.
        share = (null * self.n / discordant + 1) / 2
        exact = binomial_cdf(self.second, discordant, 1 - min(share, 1.0)) if share >= 0 else 0.0
        if abs(null) >= 1:
            return max(exact, float(null > 0))
        return max(exact, upper_normal_p(_score(self.first, self.second, self.n, null)))

    def p_below(self, null: float) -> float:
        return ExactAndScore(self.second, self.first, self.n).p_above(-null)


class StudentT(NamedTuple):
    """Student's t with a centre and its standard error."""

    centre: float
    error: StandardError

    def interval(self, confidence: float) -> Interval:
        half = t_quantile(1 - (1 - confidence) / 2, self.error.df) * self.error.value
        return Interval(self.centre - half, self.centre + half)

    def p_above(self, null: float) -> float:
        return t_cdf((null - self.centre) / self.error.value, self.error.df)

    def p_below(self, null: float) -> float:
        return t_cdf((self.centre - null) / self.error.value, self.error.df)


class AllAlike(NamedTuple):
    """The rule of three where every one of ``units`` differs by ``value``; see ``_all_alike``."""

    value: float
    units: int

    def interval(self, confidence: float) -> Interval:
        bound = rule_of_three(self.units, 1 - (1 - confidence) / 2)
        return Interval(self.value - bound * (1 + self.value), self.value + bound * (1 - self.value))

    def p_above(self, null: float) -> float:
        return 1.0 if null >= self.value else max((1 + null) / (1 + self.value), 0.0) ** self.units

    def p_below(self, null: float) -> float:
        return AllAlike(-self.value, self.units).p_above(-null)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Return the exact two-sided McNemar p-value from the two discordant counts; 1 when both are zero."""
    # With equal counts, twice the tail exceeds 1.
    discordant = only_first + only_second
    return min(1.0, 2.0 * binomial_cdf(min(only_first, only_second), discordant, 0.5)) if discordant else 1.0


def tango(only_first: int, only_second: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the score interval of a difference of two paired proportions, first minus second.

    Of ``n`` documents, ``only_first`` are right under the first system alone and ``only_second`` under the
    second alone. The interval holds the differences that the score test does not reject; at zero that is
    McNemar's test without correction (Tango 1998, Statistics in Medicine 17(8)).

    Raises:
        ValueError: no document differs.
    """
    if only_first + only_second == 0:
        raise ValueError("no document differs")
    limit, observed = normal_quantile(1 - (1 - confidence) / 2), (only_first - only_second) / n

    def furthest(end: float) -> float:
        if observed == end:
            return end
        kept, rejected = observed, end
        # 60 halvings reach the precision of a double.
        for _ in range(60):
            middle = (kept + rejected) / 2
            if abs(_score(only_first, only_second, n, middle)) > limit:
                rejected = middle
            else:
                kept = middle
        return kept

    return Interval(furthest(-1.0), furthest(1.0))


def mcnemar_interval(only_first: int, only_second: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the interval that the exact two-sided McNemar test inverts, first minus second.

    The test is one of the share of ``only_first`` among the documents on which the systems differ. The exact
    interval of that share (Clopper and Pearson 1934) is scaled by the observed share of such documents, which
    is taken as given.

    Raises:
        ValueError: no document differs.
    """
    discordant = only_first + only_second
    share = clopper_pearson(only_first, discordant, confidence)
    return Interval(*((2 * end - 1) * discordant / n for end in share))


def paired_binary(differences: ArrayLike, confidence: float = 0.95) -> PairedDifference:
    """Return the difference of two rates from one value of -1, 0 or 1 per independent document.

    The test is two tests, of which the more cautious holds: exact McNemar, which keeps its level with few
    documents, and Tango's score test, which also knows that the share of differing documents is an estimate,
    so that it keeps its level for a loss of the margin too. The p-value is the larger one, and the interval
    covers both intervals. ``error`` is that of Bonett and Price (2012), which is never zero.
    """
    values = np.asarray(differences, dtype=float)
    n, first, second = len(values), int((values > 0).sum()), int((values < 0).sum())
    if first + second == 0 or n < 2:
        return _all_alike(values, n, confidence)
    test = ExactAndScore(first, second, n)
    return PairedDifference(
        value=float(values.mean()),
        interval=test.interval(confidence),
        p_value=max(mcnemar_exact(first, second), two_sided_normal_p(_score(first, second, n, 0.0))),
        error=StandardError(_padded_error(first, second, n), n - 1),
        method="exact McNemar and Tango's score, the more cautious",
        test=test,
    )


def paired_mean(
    differences: ArrayLike, clusters: Sequence[Any] | None = None, confidence: float = 0.95
) -> PairedDifference:
    """Return the mean difference over documents, with a t interval by document or by ``clusters``.

    When most units do not differ, the plain t interval is far too short (72 % coverage instead of 95 % at n =
    20 with 6 % discordant). Two pseudo-units are therefore added, one in each direction. Their size is the
    root mean square of the differing units, and their weight is the share of units that do not differ. For
    rare differences of -1, 0, 1 this is Bonett and Price's adjustment; when every unit differs it is the
    plain t. The standard error is never smaller than without them.
    """
    values = np.asarray(differences, dtype=float)
    units = values if clusters is None else cluster_sums(values, clusters)
    n, count = len(values), len(units)
    if n == 0 or np.ptp(values) < _ROUNDING:
        return _all_alike(values, count, confidence)
    mean = float(values.mean())
    plain = cluster_standard_error(values - mean, clusters)
    if count < 2:
        return PairedDifference(mean, None, None, None, "undefined: fewer than two independent units")
    # The differences can cancel within every cluster; then the documents give the typical size.
    moved = units[units != 0] if units.any() else values[values != 0]
    typical = math.sqrt(float(np.mean(moved**2)))
    weight = float(np.mean(units == 0))
    sizes = np.ones(count) if clusters is None else cluster_sums(np.ones(n), clusters)
    size = n / count
    # Each pseudo-unit stands for ``size`` documents, those of an average cluster. One is +typical, the other
    # -typical: they cancel in the sum of the differences and in the cross terms of the squares, and they add
    # to the number of documents and of units.
    centre = float(values.sum()) / (n + 2 * weight * size)
    squares = float(np.sum((units - centre * sizes) ** 2)) + 2 * weight * (typical**2 + (centre * size) ** 2)
    scale = (count + 2 * weight) / (count + 2 * weight - 1)
    padded_error = math.sqrt(scale * squares) / (n + 2 * weight * size)
    error = StandardError(max(padded_error, plain.value if plain else 0.0), count - 1)
    # All groups have the same mean: the groups are the units, and they do not vary.
    if error.value < _ROUNDING:
        return PairedDifference(mean, None, None, None, "undefined: the groups do not vary")
    test = StudentT(centre, error)
    method = "t by document" if clusters is None else "cluster t by group"
    p_value = 2 * min(test.p_above(0.0), test.p_below(0.0))
    return PairedDifference(mean, test.interval(confidence), p_value, error, method, test)


def _score(only_first: int, only_second: int, n: int, difference: float) -> float:
    """Return the score statistic of a true ``difference``, which lies between -1 and 1."""
    # The likeliest share of documents that only the second gets right, if this is the true difference.
    half = (only_first + only_second - (2 * n - only_first + only_second) * difference) / (4 * n)
    rest = only_second * difference * (1 - difference) / (2 * n)
    share = half + math.sqrt(max(0.0, half * half + rest))
    variance = n * (2 * share + difference * (1 - difference))
    return (only_first - only_second - n * difference) / math.sqrt(max(variance, _ROUNDING**2))


def _padded_error(only_first: int, only_second: int, n: int) -> float:
    """Return the standard error with one document added to each of the two cells that differ."""
    first, second = (only_first + 1) / (n + 2), (only_second + 1) / (n + 2)
    return math.sqrt((first + second - (first - second) ** 2) / (n + 2))


def _all_alike(values: Floats, units: int, confidence: float) -> PairedDifference:
    """Return the result when every document differs by the same v (often 0).

    A standard error of zero would claim certainty. By the rule of three, at most a share b of units differs
    otherwise, by anything in [-1, 1], so the mean lies between v - b (1 + v) and v + b (1 - v). The interval
    is two-sided, so b is the one-sided bound at (1 - confidence) / 2: systems that are equal and always
    differ give the same sign everywhere with two probabilities, one for each direction. It excludes zero when
    p = 2 (1 + |v|)^-units falls below 1 - confidence; for v = ±1 that is exact McNemar.
    """
    if units < 2:
        mean = float(values.mean()) if len(values) else 0.0
        return PairedDifference(mean, None, None, None, "undefined: fewer than two independent units")
    test = AllAlike(float(values[0]), units)
    p_value = min(1.0, 2 * min(test.p_above(0.0), test.p_below(0.0)))
    what = "no document differed" if test.value == 0 else "all documents differed alike"
    return PairedDifference(
        test.value, test.interval(confidence), p_value, None, f"{what}: rule of three", test
    )
