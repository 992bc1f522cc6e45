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
from scipy.special import gammaln

ODDS = (2.0, 4.0, 16.0, 64.0)
"""By how much the odds of a marked outcome may have risen; the evidence is the mean over these."""

WINDOWS = (1, 2, 4)
"""How many of the last outcomes may lie after the change."""


def late_change_evidence(series: Sequence[Sequence[bool]]) -> float:
    """Return the log evidence that the last outcomes are marked more often than the earlier ones.

    ``series`` has the outcomes of each unit, oldest first. This is an e-value: its expectation is at most 1
    while nothing changes. Looks after several rounds of the same units depend on each other, so each needs
    its own part of the error probability (``round_share``); within one round it may be looked at after every
    unit.
    """
    marked = [np.asarray(one, dtype=bool) for one in series]
    ways = []
    for window in WINDOWS:
        told = [one for one in marked if len(one) > window and 0 < one.sum() < len(one)]
        counts = np.array([(len(one), one.sum(), one[-window:].sum()) for one in told]).reshape(-1, 3)
        ways += [_tilted(counts, window, odds) for odds in ODDS]
    return float(np.logaddexp.reduce(ways) - math.log(len(ways)))


def round_share(number: int) -> float:
    """Return the part of the error probability of the round ``number``, from 2 on; all sum to 1."""
    return 1 / (number * (number - 1))


def _tilted(counts: np.ndarray, window: int, odds: float) -> float:
    """Return the log of the product over units of odds^late / E[odds^late]; ``counts``: all, marked, late."""
    if not len(counts):
        return 0.0
    of, marked, late = counts.T
    possible = np.arange(window + 1)[:, None]
    log_p = (
        _log_choose(marked, possible)
        + _log_choose(of - marked, window - possible)
        - _log_choose(of, np.asarray(window))
    )
    normal = np.logaddexp.reduce(log_p + possible * math.log(odds), axis=0)
    return float((late * math.log(odds) - normal).sum())


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return log C(n, k), ``-inf`` where k is not in 0 … n."""
    inside = (k >= 0) & (k <= n)
    n, k = np.broadcast_arrays(n, np.where(inside, k, 0))
    found = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.where(inside, found, -np.inf)
