"""From the score of a field to the probability that it is right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insource.types import Frozen

ENOUGH_FOR_ISOTONIC = 1000
"""With fewer fields, a curve with two parameters is nearer to the truth than a free one."""
OF_PLATT = 0.02
"""The weight of Platt's curve in the isotonic one: it keeps the order of scores on one step."""

Floats = NDArray[np.float64]


class Calibration(Frozen):
    """A rising curve. Platt's is the logistic of ``slope`` · score + ``intercept``; the isotonic one also has
    the centres of its steps: ``at`` these scores, so large a ``share`` was right.
    """

    method: Literal["platt", "isotonic"] = "platt"
    slope: float
    intercept: float
    at: tuple[float, ...] = ()
    share: tuple[float, ...] = ()

    @cached_property
    def _steps(self) -> tuple[Floats, Floats]:
        return np.array(self.at), np.array(self.share)

    def of(self, scores: ArrayLike) -> Floats:
        """Return probabilities strictly between 0 and 1, in the order of the scores."""
        values = np.asarray(scores, dtype=float)
        odds = np.clip(self.slope * values + self.intercept, -30, 30)
        smooth = 1 / (1 + np.exp(-odds))
        if self.method == "platt":
            return np.asarray(smooth)
        return np.asarray((1 - OF_PLATT) * np.interp(values, *self._steps) + OF_PLATT * smooth)


def calibrated(scores: ArrayLike, right: ArrayLike) -> Calibration | None:
    """Return the curve through the outcomes, isotonic from ``ENOUGH_FOR_ISOTONIC`` on; None where a higher
    score does not mean more right ones, or all are alike.

    Sources: Platt 1999, with his targets; Zadrozny and Elkan 2002, through the centres of the steps as by
    Oron and Flournoy 2017, so that the curve rises between them.
    """
    values, outcomes = np.asarray(scores, dtype=float), np.asarray(right, dtype=bool)
    found = _platt(values, outcomes)
    if found is None or len(values) < ENOUGH_FOR_ISOTONIC:
        return found
    at, share = _centres(values, outcomes)
    return found.model_copy(update={"method": "isotonic", "at": tuple(at), "share": tuple(share)})


def _platt(scores: Floats, right: NDArray[np.bool_]) -> Calibration | None:
    from sklearn.linear_model import LogisticRegression

    hits, misses = int(right.sum()), int((~right).sum())
    if not hits or not misses or np.ptp(scores) == 0:
        return None
    target = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))
    unit = float(scores.std())
    x = np.concatenate([scores, scores])[:, None] / unit
    y = np.concatenate([np.ones(len(scores)), np.zeros(len(scores))])
    fitted = LogisticRegression(C=1e4, max_iter=300)
    fitted.fit(x, y, sample_weight=np.concatenate([target, 1 - target]))
    slope = float(fitted.coef_[0, 0]) / unit
    if not math.isfinite(slope) or slope <= 0:
        return None
    return Calibration(slope=slope, intercept=float(fitted.intercept_[0]))


def _centres(scores: Floats, right: NDArray[np.bool_]) -> tuple[Sequence[float], Sequence[float]]:
    """Return the mean score and the share of right ones of each step of the isotonic curve.

    A step with all right ones is no proof of certainty: each has one more outcome, half right.
    """
    from sklearn.isotonic import IsotonicRegression

    order = np.argsort(scores, kind="stable")
    ranked, outcomes = scores[order], right[order].astype(float)
    level = IsotonicRegression().fit_transform(ranked, outcomes)
    starts = np.flatnonzero(np.diff(level, prepend=-1.0) > 0)
    counts = np.diff(np.append(starts, len(level)))
    at = np.add.reduceat(ranked, starts) / counts
    share = (np.add.reduceat(outcomes, starts) + 0.5) / (counts + 1)
    return at.tolist(), np.maximum.accumulate(share).tolist()
