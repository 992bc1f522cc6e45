"""Evidence that units which are asked again and again answer otherwise than before, the unit counted once.

While nothing changes, the answers of a unit to the same question are exchangeable: of T outcomes with S
marked ones, every arrangement has the same probability, whatever the unit's own rate is. So the number of
marked ones among the last L is hypergeometric given S, and theta^marked over its mean has the expectation 1.
Units are independent, so their factors multiply; a unit that never varied has the factor 1. Nothing is
assumed about how noisy the answers are, and asking a unit twice as often does not make two units of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]

ODDS = (2.0, 4.0, 16.0, 64.0)
"""By how much the odds of a marked outcome may have risen; the evidence is the mean over these."""

WINDOWS = (1, 2, 4, 8)
"""How many of the last outcomes may lie after the change."""


def late_factors(series: Sequence[Sequence[bool]]) -> Floats:
    """Return the log factor that each answer gives to the evidence that its unit has changed lately.

    ``series`` has the outcomes of each unit, oldest first. The rows follow them, unit by unit: the row of an
    outcome weighs it and those before it. The columns are the pairs of ``WINDOWS`` and ``ODDS``.
    """
    lengths = np.array([len(one) for one in series], dtype=int)
    marks = np.concatenate([np.zeros(0), *(np.asarray(one, dtype=float) for one in series)])
    ends = np.concatenate(([0], np.cumsum(lengths)))
    of = np.arange(len(marks)) - np.repeat(ends[:-1], lengths) + 1.0
    total = np.concatenate(([0.0], np.cumsum(marks)))
    place = np.arange(1, len(marks) + 1)
    marked = total[place] - np.repeat(total[ends[:-1]], lengths)
    columns = []
    for window in WINDOWS:
        late = total[place] - total[np.maximum(place - window, 0)]
        # Of no more answers than the window, nothing can be said of its marks: they are all of them.
        whole = np.maximum(of, window)
        columns += [np.where(of > window, _tilted(whole, marked, late, window, odds), 0.0) for odds in ODDS]
    return np.stack(columns, axis=1)


def late_change_evidence(factors: Floats) -> float:
    """Return the log evidence that units changed, from the row of ``late_factors`` of each.

    This is an e-value: its expectation is at most 1 while nothing changes. Looks after several rounds of the
    same units depend on each other, so each needs its own part of the error probability (``round_share``);
    within one round it may be looked at after every unit.
    """
    return float(np.logaddexp.reduce(factors.sum(axis=0)) - math.log(factors.shape[1]))


def round_share(number: int) -> float:
    """Return the part of the error probability of the round ``number``, from 2 on; all sum to 1."""
    return 1 / (number * (number - 1))


def _tilted(of: Floats, marked: Floats, late: Floats, window: int, odds: float) -> Floats:
    """Return log of odds^late / E[odds^late], ``late`` being those marked among the last ``window``."""
    possible = np.arange(window + 1.0)[:, None]
    log_p = (
        _log_choose(marked, possible)
        + _log_choose(of - marked, window - possible)
        - _log_choose(of, np.full(1, float(window)))
    )
    found: Floats = late * math.log(odds) - np.logaddexp.reduce(log_p + possible * math.log(odds), axis=0)
    return found


def _log_choose(n: Floats, k: Floats) -> Floats:
    """Return log C(n, k), ``-inf`` where k is not in 0 … n."""
    n, k = np.broadcast_arrays(n, k)
    inside = (k >= 0) & (k <= n)
    k = np.where(inside, k, 0.0)
    return np.where(inside, gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), -np.inf)
