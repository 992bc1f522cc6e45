"""A threshold with a guarantee for groups that were never seen: the group is the unit, not its documents."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.betting import ratio_evidence
from insource.stats.learn_then_test import RATIO_STEP, lowest, minimum_calibration_n, ranked

SPARE = 1.5
"""The first tested set holds so many times the groups that suffice without an error, where there are so many.

With exactly as many as suffice, one error in any of them would end the walk.
"""


class GroupLosses(NamedTuple):
    """The groups of which something is served: the share that is wrong in each, and its code."""

    share: np.ndarray
    code: np.ndarray


def group_losses(wrong: ArrayLike, counted: ArrayLike, groups: ArrayLike) -> GroupLosses:
    """Return the share wrong / counted of each group that counts anything.

    The arrays have one value per served document; ``groups`` are codes from 0 up.
    """
    codes = np.asarray(groups, dtype=int)
    lost = np.bincount(codes, weights=np.asarray(wrong, dtype=float))
    of = np.bincount(codes, weights=np.asarray(counted, dtype=float))
    kept = np.flatnonzero(of > 0)
    return GroupLosses(lost[kept] / of[kept], kept)


def group_evidence(
    wrong: ArrayLike, counted: ArrayLike, groups: ArrayLike, max_ratio: float, delta: float
) -> float:
    """Return the log evidence that the mean over groups of their shares is below ``max_ratio``.

    Each group with anything served is one bet on its share wrong / counted, which lies in [0, 1]. Without any
    error, ``minimum_calibration_n`` groups suffice.
    """
    share = group_losses(wrong, counted, groups).share
    return ratio_evidence(share, np.ones_like(share), 1, max_ratio, delta)


def group_sizes(groups: ArrayLike, max_ratio: float, delta: float) -> tuple[int, ...]:
    """Return how many documents each test accepts, in the order of the tests.

    ``groups`` are the codes of the documents from the most confident down. The sizes follow from them, the
    bound and ``delta``, never from an outcome. They are empty with fewer groups than suffice without any
    error. The first set has at least n √max_ratio documents of ``SPARE`` times that many groups, or of all
    groups.
    """
    codes = np.asarray(groups, dtype=int)
    firsts = np.sort(np.unique(codes, return_index=True)[1])
    needed = minimum_calibration_n(max_ratio, delta)
    if len(firsts) < needed:
        return ()
    n = len(codes)
    enough = int(firsts[min(len(firsts), math.ceil(SPARE * needed)) - 1]) + 1
    start = max(enough, math.ceil(n * math.sqrt(max_ratio)))
    return tuple(sorted({*range(start, n, max(1, round(RATIO_STEP * n))), n}))


def ltt_group_threshold(
    confidence: ArrayLike,
    wrong: ArrayLike,
    counted: ArrayLike,
    groups: ArrayLike,
    max_ratio: float,
    delta: float,
) -> float | None:
    """Return the lowest threshold at which groups have a mean share of errors of at most ``max_ratio``.

    As ``ltt_ratio_threshold``, with the group as the unit: the documents of a group may depend on each other
    in any way, and groups of any size weigh the same. The guarantee is about the mean over groups like these,
    drawn as these were, of the share wrong / counted among what is served of a group; a group of which
    nothing is served has none. It says nothing about one group by itself.

    Raises:
        ValueError: as ``ltt_ratio_threshold``.
    """
    scores, lost, of = (np.asarray(values, dtype=float) for values in (confidence, wrong, counted))
    order = ranked(scores, lost, max_ratio, delta)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    if of.shape != scores.shape or codes.shape != scores.shape:
        raise ValueError("wrong, counted and groups must be one-dimensional and of equal length")
    lost, of, codes = lost[order], of[order], codes[order]
    enough = math.log(1 / delta)
    return lowest(
        scores[order],
        group_sizes(codes, max_ratio, delta),
        lambda k: group_evidence(lost[:k], of[:k], codes[:k], max_ratio, delta) >= enough,
    )
