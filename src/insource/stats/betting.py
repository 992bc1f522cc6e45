"""Evidence that a ratio is below a bound, from values that come in groups: bets on bounded means.

Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting" (JRSS B,
arXiv 2010.09686). A fixed mixture of bets takes the place of their adaptive ones: it does not depend on the
order of the documents, and one more error can never raise the evidence.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.intervals import Interval

BISECTIONS = 30

BETS = (1, 2, 4)
"""Multiples of the stake that suits independent units; the larger ones suit documents of several fields."""


def ratio_evidence(
    wrong: ArrayLike, counted: ArrayLike, most: float, max_ratio: float, delta: float
) -> float:
    """Return the log evidence that E[wrong] / E[counted] is below ``max_ratio``; ``-inf`` where all is lost.

    ``wrong`` and ``counted`` hold one value per document, with 0 <= wrong <= counted <= ``most``; what is
    counted within a document may depend on each other in any way. Under "the ratio is ``max_ratio`` or more"
    the evidence reaches ln 1/``delta`` with probability ``delta`` at most (Markov's inequality).

    A document's value y = (wrong - max_ratio · counted) / most has a mean of at least 0 then, and is at most
    1 - max_ratio. So the product of 1 - λy over the documents has a mean of at most 1 for every stake λ up
    to 1 / (1 - max_ratio). The stakes follow from the number of documents, ``max_ratio`` and ``delta``, and
    the evidence is the mean over them.

    Raises:
        ValueError: the lengths differ, or a value is out of its range.
    """
    lost, of = np.asarray(wrong, dtype=float), np.asarray(counted, dtype=float)
    if lost.shape != of.shape or lost.ndim != 1:
        raise ValueError("wrong and counted must be one-dimensional and of equal length")
    if ((lost < 0) | (lost > of) | (of > most)).any():
        raise ValueError(f"each document needs 0 <= wrong <= counted <= {most}")
    values = (lost - max_ratio * of) / most
    left = np.maximum(1 - np.outer(values, _stakes(len(values), max_ratio, delta)), 0.0)
    with np.errstate(divide="ignore"):  # log 0: this bet is lost for good
        return float(np.logaddexp.reduce(np.log(left).sum(axis=0)) - math.log(len(BETS)))


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return the interval of a mean of independent values in [0, 1], valid for any number of them.

    It holds the means that neither of two bets rules out, each at half of 1 - ``confidence``: that the mean
    is at most so much, and that it is at least so much. A t interval of a few values that are mostly 0 is far
    too short; this one reaches from 0 to 60 % for four zeros.

    Raises:
        ValueError: there are no values, or one lies outside [0, 1].
    """
    array = np.asarray(values, dtype=float)
    if not array.size:
        raise ValueError("an interval needs at least one value")
    alpha = (1 - confidence) / 2
    return Interval(1 - _highest(1 - array, alpha), _highest(array, alpha))


def _highest(values: np.ndarray, alpha: float) -> float:
    """Return the highest mean that no bet rules out: those above it are, each at ``alpha``."""
    ones, enough = np.ones_like(values), math.log(1 / alpha)
    low, high = float(values.mean()), 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        ruled_out = 0 < middle < 1 and ratio_evidence(values, ones, 1, middle, alpha) >= enough
        low, high = (low, middle) if ruled_out else (middle, high)
    return high


def _stakes(n: int, max_ratio: float, delta: float) -> np.ndarray:
    """Return the stakes: the best for ``n`` units of the bound's own variance, and multiples of it."""
    suited = math.sqrt(2 * math.log(1 / delta) / (max(1, n) * max_ratio * (1 - max_ratio)))
    return np.minimum(np.array(BETS) * suited, 1 / (1 - max_ratio))
