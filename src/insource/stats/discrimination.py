"""How well a confidence tells right from wrong, and how far it is from the share that is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from insource.stats.intervals import Interval

BINS = 15

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Statistic = Callable[[Floats, Bools], float]
"""A figure of confidences and outcomes; NaN where it does not exist."""


class Bin(NamedTuple):
    """Neighbours in confidence: their mean confidence, the share that is right, their number."""

    confidence: float
    right: float
    n: int


def auroc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the probability that a right one has more confidence than a wrong one, ties half; NaN where all
    are right or all wrong.

    Source: Hanley and McNeil 1982, by mean ranks (the Mann-Whitney statistic).
    """
    sure, outcomes = _checked(confidence, right)
    hits, misses = int(outcomes.sum()), int((~outcomes).sum())
    if not hits or not misses:
        return float("nan")
    _, place, counts = np.unique(sure, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[outcomes].sum() - hits * (hits + 1) / 2) / (hits * misses))


def aurc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the mean share of wrong ones among the k surest, over all k; lower is better.

    Source: Geifman, Uziel and El-Yaniv 2019 (arXiv 1805.08206). Ties share their errors evenly.
    """
    sure, outcomes = _checked(confidence, right)
    if not len(sure):
        return float("nan")
    wrong = np.cumsum(_evened(sure, ~outcomes))
    return float((wrong / np.arange(1, len(sure) + 1)).mean())


def accuracy_at(coverage: float) -> Statistic:
    """Return the share of right ones among the surest ``coverage`` of all, as a function."""

    def share(confidence: Floats, right: Bools) -> float:
        kept = ceil(coverage * len(confidence) - 1e-9)
        return float(_evened(confidence, right)[:kept].mean()) if kept else float("nan")

    return share


def brier(confidence: ArrayLike, right: ArrayLike) -> float:
    """Return the mean squared distance between confidence and outcome (Brier 1950)."""
    sure, outcomes = _checked(confidence, right)
    return float(((sure - outcomes) ** 2).mean()) if len(sure) else float("nan")


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Return bins of equal size in rising confidence, for the diagram and the calibration error."""
    sure, outcomes = _checked(confidence, right)
    order = np.argsort(sure, kind="stable")
    parts = np.array_split(order, min(bins, len(order))) if len(order) else []
    return tuple(Bin(float(sure[p].mean()), float(outcomes[p].mean()), len(p)) for p in parts)


def calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> float:
    """Return the expected calibration error over bins of equal size, without what chance alone adds.

    With few values a bin, the plain figure is large for a perfect confidence, too. Each bin's distance d is
    taken as the mean of a normal one with the standard error s of the share that is right, whose expected
    absolute value is known in closed form; the excess over \\|d\\| is subtracted, as by Kumar, Liang and Ma
    2019 (arXiv 1909.10155, who draw it). It is at least 0. The distance that was found already has some of
    chance in it, so the figure of a perfect confidence is still too large rather than too small.
    """
    from math import erf, exp, pi, sqrt

    found = reliability(confidence, right, bins)
    total = sum(one.n for one in found)
    if not total:
        return float("nan")
    error = 0.0
    for one in found:
        distance = abs(one.confidence - one.right)
        spread = sqrt(one.right * (1 - one.right) / one.n)
        expected = distance
        if spread > 0:
            z = distance / spread
            expected = spread * sqrt(2 / pi) * exp(-z * z / 2) + distance * erf(z / sqrt(2))
        error += one.n / total * (2 * distance - expected)
    return max(0.0, error)


def by_document(
    statistic: Statistic,
    confidence: ArrayLike,
    right: ArrayLike,
    documents: Sequence[Any],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    draws: int = 500,
) -> Interval | None:
    """Return the percentile interval of a figure when whole documents are drawn with replacement.

    The fields of one document are right or wrong together more often than chance has it, so that fields must
    not be drawn one by one. None where fewer than half of the draws have the figure.
    """
    sure, outcomes = _checked(confidence, right)
    if not len(sure):
        return None
    codes = {one: number for number, one in enumerate(dict.fromkeys(documents))}
    rows: list[list[int]] = [[] for _ in codes]
    for place, one in enumerate(documents):
        rows[codes[one]].append(place)
    held = [np.array(places) for places in rows]
    found = []
    for _ in range(draws):
        drawn = np.concatenate([held[n] for n in rng.integers(0, len(held), len(held))])
        found.append(statistic(sure[drawn], outcomes[drawn]))
    values = np.array(found)
    values = values[~np.isnan(values)]
    if len(values) < draws / 2:
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _evened(confidence: Floats, outcomes: Bools) -> Floats:
    """Return the outcomes in falling confidence; those of equal confidence have their mean."""
    _, place, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=outcomes.astype(float)) / counts
    return np.asarray(np.repeat(means, counts))


def _checked(confidence: ArrayLike, right: ArrayLike) -> tuple[Floats, Bools]:
    sure, outcomes = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    if sure.shape != outcomes.shape or sure.ndim != 1:
        raise ValueError("confidence and right must be of one length")
    return sure, outcomes
