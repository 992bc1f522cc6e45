"""Several comparisons at once: Holm with simultaneous intervals, and Benjamini-Hochberg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.intervals import Floats, Interval
from insource.stats.paired import PairedTest


class Simultaneous(NamedTuple):
    """One of several comparisons. ``p_value`` is two-sided and ``p_not_worse`` one-sided, both adjusted.

    ``better`` and ``worse`` say that zero is rejected; that end of the interval is then excluded, and may be
    zero itself.
    """

    interval: Interval | None
    p_value: float
    p_not_worse: float
    better: bool
    worse: bool


def holm(p_values: ArrayLike) -> Floats:
    """Return the adjusted p-values of Holm (1979); they control the family-wise error."""
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Return the adjusted p-values of Benjamini and Hochberg (1995); they control the false discovery rate.

    This needs tests that are independent or positively dependent (Benjamini and Yekutieli 2001).
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(-p, kind="stable")
    steps = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def simultaneous(tests: Sequence[PairedTest | None], margin: float, alpha: float) -> list[Simultaneous]:
    """Return intervals that hold together with probability 1 - ``alpha``, and p-values that agree with them.

    In each direction Holm's procedure tests "at most zero" (or "at least zero") at ``alpha`` / 2. The bounds
    are those that belong to it (Strassburger and Bretz 2008; Guilbaud 2008, Statistics in Medicine 27 and
    Biometrical Journal 50): where k of the hypotheses are not rejected, each of these gets its own bound at
    ``alpha`` / 2k, and the bound of a rejected one is zero; where all are rejected, the bounds are those of
    Bonferroni, if they lie beyond zero. *Not worse* is read from the same bounds, so it costs nothing more.
    A test that is None counts in the family and shows nothing.
    """
    above = holm([1.0 if test is None else test.p_above(0.0) for test in tests])
    below = holm([1.0 if test is None else test.p_below(0.0) for test in tests])
    not_worse = [1.0 if test is None else test.p_above(-margin) for test in tests]
    found = []
    for index, test in enumerate(tests):
        better, worse = bool(above[index] <= alpha / 2), bool(below[index] <= alpha / 2)
        interval = None
        if test is not None:
            low = test.interval(1 - alpha / _left(above, alpha)).low
            high = test.interval(1 - alpha / _left(below, alpha)).high
            all_better, all_worse = (bool((p <= alpha / 2).all()) for p in (above, below))
            interval = Interval(
                (max(0.0, low) if all_better else 0.0) if better else low,
                (min(0.0, high) if all_worse else 0.0) if worse else high,
            )
        found.append(
            Simultaneous(
                interval,
                float(min(1.0, 2 * min(above[index], below[index]))),
                min(float(above[index]), _earliest(above, not_worse[index])),
                better,
                worse,
            )
        )
    return found


def _left(adjusted: Floats, alpha: float) -> int:
    """Return how many hypotheses are not rejected, or all of them when none is left."""
    return int((adjusted > alpha / 2).sum()) or len(adjusted)


def _earliest(adjusted: Floats, p_value: float) -> float:
    """Return the smallest level at which the bound that belongs to Holm's procedure excludes a value.

    With k hypotheses left, which is so from the (m - k)-th smallest adjusted p-value on, the value is
    excluded at k times its own ``p_value``.
    """
    reached = [0.0, *sorted(adjusted)[:-1]]
    steps = zip(reached, range(len(adjusted), 0, -1), strict=True)
    return float(min(1.0, *(max(level, k * p_value) for level, k in steps)))
