"""Evidence about the mean of bounded values that may be looked at after every value.

Source: Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting" (JRSS B,
arXiv 2010.09686); with weights of sampling: Waudby-Smith et al. 2022, "Anytime-valid off-policy inference for
contextual bandits" (arXiv 2210.10768). A fixed mixture of stakes takes the place of their adaptive ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insource.stats.e_process import Claim

Floats = NDArray[np.float64]

FRACTIONS = tuple(2.0**-step for step in range(8))
"""Stakes, as fractions of the largest one that cannot lose more than it has."""

STRENGTHS = (0.5, 1.0)
"""How much of a prediction's deviation is taken off the audits."""

PREDICTED_FRACTIONS = (0.5, 0.25, 0.1)
"""As ``FRACTIONS``, with a prediction; at most a half."""


def mean_evidence(
    values: ArrayLike,
    boundary: float,
    claim: Claim,
    lowest: float,
    highest: float,
    axis: int = -1,
    fractions: Sequence[float] = FRACTIONS,
) -> Floats:
    """Return the log evidence after each value that their mean is ``above`` or ``below`` the boundary.

    It is enough that the mean of each value, given what came before, obeys the hypothesis. ``lowest`` and
    ``highest`` are the ends of what a value can be, known beforehand. The values run along ``axis``.
    The evidence is the mean over ``fractions`` of the largest stake; one named twice has twice the weight.

    Raises:
        ValueError: a value is out of its range, or the boundary is not inside it.
    """
    found = np.asarray(values, dtype=float)
    if not lowest < boundary < highest:
        raise ValueError(f"boundary {boundary} must be inside ({lowest}, {highest})")
    if found.size and (found.min() < lowest - 1e-9 or found.max() > highest + 1e-9):
        raise ValueError(f"values must be in [{lowest}, {highest}]")
    gains = found - boundary if claim == "above" else boundary - found
    most = 1 / (boundary - lowest if claim == "above" else highest - boundary)
    with np.errstate(divide="ignore"):  # log 0: this bet is lost for good
        bets = [np.log(np.maximum(1 + fraction * most * gains, 0.0)).cumsum(axis) for fraction in fractions]
    return _mean_of(bets)


def ratio_losses(lost: ArrayLike, counted: ArrayLike, most: ArrayLike, boundary: float) -> Floats:
    """Return one loss in [0, 1] for each document, for tests of E[lost] / E[counted] against ``boundary``.

    A document has ``lost`` of ``counted`` things wrong, and never more than ``most``, known beforehand. The
    mean of (lost - boundary · counted) / most is above 0 exactly where the ratio is above the boundary; here
    the boundary is added to it, so that the mean is compared with the boundary as that of 0 and 1 is.
    """
    limit = np.asarray(most, dtype=float)
    of = np.minimum(np.asarray(counted, dtype=float), limit)
    found: Floats = boundary + (np.minimum(np.asarray(lost, dtype=float), of) - boundary * of) / limit
    return found


def weighted_evidence(
    wrong: ArrayLike, weight: ArrayLike, most_weight: ArrayLike, boundary: float, claim: Claim, axis: int = -1
) -> Floats:
    """Return the log evidence after each audit about the error rate of all calls, of which some are audited.

    This is the bounded-weight betting test. A call may be audited with a probability of its own, decided
    before its outcome is known; ``weight`` is 1 / that probability, and never more than ``most_weight``, one
    for all or that of each audit's time, known before it. ``wrong`` is 0 or 1, or a loss between. Over
    all calls the mean of audited · weight · (wrong - boundary) is that of wrong - boundary, and calls that
    are not audited change nothing. Equal weights give the test of uniform audits.

    Raises:
        ValueError: a weight is below 1 or above ``most_weight``.
    """
    weights, most = np.asarray(weight, dtype=float), np.asarray(most_weight, dtype=float)
    if ((weights < 1) | (weights > most * (1 + 1e-9))).any():
        raise ValueError(f"weights must be at least 1, and at most the largest ones ({most.max():g})")
    values = (np.asarray(wrong, dtype=float) - boundary) * np.minimum(weights / most, 1.0)
    return mean_evidence(values, 0.0, claim, -boundary, 1 - boundary, axis)


def change_evidence(losses: ArrayLike, boundary: float) -> Floats:
    """Return the log evidence after each loss in [0, 1] that their mean rose above ``boundary`` at some time.

    The Shiryaev-Roberts sum of the bets of ``mean_evidence`` over all times at which the rise may have begun,
    as a mean over the stakes but the largest: an e-detector (Shin, Ramdas and Rinaldo 2023, arXiv
    2203.03532). While the mean of each loss, given those before it, is at most the boundary, the mean number
    of losses until the evidence first reaches ln N is at least N.
    """
    gains = np.asarray(losses, dtype=float) - boundary
    sums = []
    for fraction in FRACTIONS[1:]:  # the largest stake may lose everything, and then knows no later time
        bets = np.log1p(fraction * gains / boundary)
        begun = np.logaddexp.accumulate(-(np.cumsum(bets) - bets)) if len(bets) else bets
        sums.append(np.cumsum(bets) + begun)
    return _mean_of(sums)


class Deviations(NamedTuple):
    """What each audit knows of the predictions, one entry an audit.

    ``predicted`` is the predicted error of the audited answer, ``expected`` the mean of the predictions
    before it. ``sums`` and ``squares`` are over all calls since the audit before, this one included: of the
    differences between a call's prediction and the mean of those before it.
    """

    predicted: ArrayLike
    expected: ArrayLike
    sums: ArrayLike
    squares: ArrayLike


def predicted_evidence(
    wrong: ArrayLike,
    known: Deviations,
    probability: ArrayLike,
    boundary: float,
    claim: Claim,
    most_predicted: float,
) -> Floats:
    """Return the log evidence after each audit about the error rate, with a prediction as control variate.

    From an audit the deviation of its prediction is taken off, and every call, audited or not, gives its own
    back. So the expectation stays that of wrong - boundary, however bad the predictions are (arXiv
    2602.02229). ``probability`` is that of being audited, the same for all calls of a time; no prediction is
    above ``most_predicted``. Calls without an audit enter by ln(1 + x) >= x - x² for x >= -1/2, which no
    stake here exceeds, so that two sums of them suffice.
    """
    lost, share = np.asarray(wrong, dtype=float), np.asarray(probability, dtype=float)
    predicted, expected, sums, squares = (np.asarray(one, dtype=float) for one in known)
    off, sign = predicted - expected, 1.0 if claim == "above" else -1.0
    ways = []
    for strength in STRENGTHS:
        worst = (boundary if claim == "above" else 1 - boundary) + strength * most_predicted
        values = (lost - boundary - strength * off) / share + strength * off
        for fraction in PREDICTED_FRACTIONS:
            stake = fraction * share / worst
            others = strength * stake * (sums - off)
            loss = (strength * stake) ** 2 * (squares - off**2)
            ways.append((np.log1p(sign * stake * values) + sign * others - loss).cumsum(axis=-1))
    return _mean_of(ways)


def _mean_of(ways: list[Floats]) -> Floats:
    """Return the log of the mean of several evidences, which is evidence again."""
    with np.errstate(invalid="ignore"):  # -inf and -inf: all bets are lost
        total: Floats = np.logaddexp.reduce(np.stack(ways), axis=0) - math.log(len(ways))
    return np.nan_to_num(total, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
