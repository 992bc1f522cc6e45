"""The mean paired difference when only documents that differ are labelled, all of them or a random sample."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.distributions import t_quantile
from insource.stats.intervals import Interval, StandardError, clopper_pearson, t_interval
from insource.stats.paired import paired_binary, paired_mean


class TwoPhase(NamedTuple):
    """The estimated mean difference over all documents, its interval and its standard error."""

    value: float
    interval: Interval | None
    error: StandardError | None


def two_phase_mean(labelled: ArrayLike, differing: int, documents: int, confidence: float = 0.95) -> TwoPhase:
    """Estimate the mean of paired differences of which all but ``differing`` are known to be zero.

    Of ``documents``, ``differing`` have answers that differ, and ``labelled`` holds the differences (each in
    [-1, 1]) of a simple random sample of those. Each stands for ``differing / len(labelled)`` documents. The
    variance is that of double sampling (Cochran 1977, Sampling Techniques, section 12.2): of the documents
    as a sample from all documents to come, and of the labelled ones as a sample of those that differ, padded
    where few of them are not zero (``paired_mean``). Where every difference is the same, the interval comes
    from the exact one of a share, because a standard error of zero would claim certainty. With every label,
    it is the paired comparison of all documents.

    Raises:
        ValueError: there are more labels than differing documents, or more of those than documents.
    """
    values = np.asarray(labelled, dtype=float)
    n = len(values)
    if not n <= differing <= documents:
        raise ValueError("labelled <= differing <= documents does not hold")
    if n == differing:
        everything = np.concatenate([values, np.zeros(documents - n)])
        whole = bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
        full = (paired_binary if whole else paired_mean)(everything, confidence=confidence)
        return TwoPhase(full.value, full.interval, full.error)
    if n == 0:
        return TwoPhase(math.nan, None, None)
    share = differing / documents
    mean = float(values.mean())
    value = share * mean
    if n < 2 or float(np.ptp(values)) == 0.0:
        # At least this share of the differing documents is as the labelled ones; the rest may be anything.
        least = clopper_pearson(n, n, confidence).low
        differs = clopper_pearson(differing, documents, confidence)
        ends = [
            rate * (least * mean + (1 - least) * extreme)
            for rate in (differs.low, differs.high)
            for extreme in (-1.0, 1.0)
        ]
        return TwoPhase(value, Interval(min(*ends, value), max(*ends, value)), None)
    padded = paired_mean(values).error
    spread = float(values.var(ddof=1)) / n if padded is None else padded.value**2
    within = spread * (1 - n / differing)
    second = float(np.mean(values**2))
    among = (share * second - value**2) / (documents - 1) if documents > 1 else 0.0
    error = StandardError(math.sqrt(share**2 * within + max(among, 0.0)), n - 1)
    return TwoPhase(value, t_interval(value, error, confidence), error)


def labels_needed(
    labelled: ArrayLike, differing: int, documents: int, distance: float, alpha: float = 0.05
) -> int | None:
    """Return how many of the differing documents have to be labelled for a half-width below ``distance``.

    The spread of the labelled ones is taken for the true one. The result is None when labelling all of them
    would not do: then more documents are needed, not more labels.
    """
    values = np.asarray(labelled, dtype=float)
    if len(values) < 2 or distance <= 0:
        return None
    share, variance = differing / documents, float(values.var(ddof=1))
    second, value = float(np.mean(values**2)), share * float(values.mean())
    among = max((share * second - value**2) / max(documents - 1, 1), 0.0)
    for n in range(2, differing + 1):
        error = math.sqrt(share**2 * variance / n * (1 - n / differing) + among)
        if t_quantile(1 - alpha / 2, n - 1) * error < distance:
            return n
    return None
