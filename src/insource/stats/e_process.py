"""Evidence about an error rate that may be looked at after every observation.

A mixture over a Beta prior of likelihood ratios against the boundary of the hypothesis: under it, the chance
that the evidence ever reaches 1/alpha is at most alpha (Ville's inequality), however often it is looked at.
The prior is restricted to the alternative, so that evidence can only come from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betaln

Claim = Literal["above", "below"]
"""What is shown: the rate is above the boundary (H0: at most), or below it (H0: at least)."""

PRIORS: dict[Claim, tuple[float, float]] = {"above": (1.0, 9.0), "below": (1.0, 30.0)}


def log_evidence(wrong: int, n: int, boundary: float, claim: Claim) -> float:
    """Return the log evidence after ``wrong`` of ``n`` observations; ``-inf`` is legitimate: none at all.

    Observations need not be independent: it is enough that each one's chance to be wrong, given what came
    before, obeys the hypothesis.

    Raises:
        ValueError: the counts do not fit, or the boundary is outside (0, 1).
    """
    if not 0 <= wrong <= n:
        raise ValueError(f"needs 0 <= wrong <= n, got {wrong} of {n}")
    if not 0 < boundary < 1:
        raise ValueError(f"boundary must be inside (0, 1), got {boundary}")
    return float(log_evidences(wrong, n, boundary, claim))


def log_evidences(wrong: ArrayLike, n: ArrayLike, boundary: float, claim: Claim) -> NDArray[np.float64]:
    """Return ``log_evidence`` for arrays of counts, which are not checked."""
    k, of = np.asarray(wrong, dtype=float), np.asarray(n, dtype=float)
    a, b = PRIORS[claim]
    tail = betaincc if claim == "above" else betainc
    with np.errstate(divide="ignore"):  # log 0: no part of the posterior is on this side
        found: NDArray[np.float64] = (
            betaln(a + k, b + of - k)
            + np.log(tail(a + k, b + of - k, boundary))
            - betaln(a, b)
            - np.log(tail(a, b, boundary))
            - k * np.log(boundary)
            - (of - k) * np.log1p(-boundary)
        )
    return found


ALTERNATIVES = (1.25, 1.5, 2.0, 3.0, 5.0)
"""Multiples of the boundary that a change is expected to reach."""


class ChangeDetector:
    """Evidence that a rate rose above ``boundary`` at some time, however long it was below it before.

    The Shiryaev-Roberts sum of likelihood ratios over all times at which the rise may have begun, as a mean
    over ``ALTERNATIVES``: an e-detector (Shin, Ramdas and Rinaldo 2023, arXiv 2203.03532). While every
    observation's chance is at most the boundary, the mean number of observations until ``log_sum`` first
    reaches ln N is at least N.
    """

    def __init__(self, boundary: float) -> None:
        if not 0 < boundary < 1:
            raise ValueError(f"boundary must be inside (0, 1), got {boundary}")
        rates = [min(factor * boundary, (1 + boundary) / 2) for factor in ALTERNATIVES]
        self._steps = [(math.log(rate / boundary), math.log((1 - rate) / (1 - boundary))) for rate in rates]
        self._logs = [-math.inf] * len(rates)

    def add(self, observations: Iterable[bool]) -> None:
        """Take further observations, True for a wrong one, in their order."""
        for wrong in observations:
            for i, (lost, kept) in enumerate(self._steps):
                before = self._logs[i]
                self._logs[i] = (
                    max(before, 0.0) + math.log1p(math.exp(-abs(before))) + (lost if wrong else kept)
                )

    @property
    def log_sum(self) -> float:
        """The log of the evidence, ``-inf`` before the first observation."""
        return float(np.logaddexp.reduce(self._logs) - math.log(len(self._logs)))
