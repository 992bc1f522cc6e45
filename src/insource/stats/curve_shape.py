"""Is a learning curve monotone and convex? Tested before anything is extrapolated from it.

Of real learning curves, 14 to 15 % are neither (LCDB 1.1, published). A power law is both, so it says nothing
of such a curve.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.intervals import Floats


class ShapeTest(NamedTuple):
    """The p-values of "the error never rises" and "it falls ever more slowly", and where each looks worst.

    ``rises`` are the two sizes between which the error rises most, ``bulges`` the three of which the middle
    one lies highest above the line through the others; as places among the sizes.
    """

    monotone_p: float
    convex_p: float
    rises: tuple[int, int]
    bulges: tuple[int, int, int]


def shape_test(sizes: ArrayLike, errors: ArrayLike, draws: ArrayLike) -> ShapeTest:
    """Test the errors at increasing ``sizes`` against their bootstrap ``draws``, shape (draws, sizes).

    The statistic is the largest contrast over its standard error; its distribution is that of the draws
    around the errors, as if the curve were flat (for monotone) or straight (for convex). Those are the
    hardest cases, so that a curve of the right shape is rejected no more often than the level says.

    Raises:
        ValueError: fewer than three sizes.
    """
    n, observed, drawn = (np.asarray(one, dtype=float) for one in (sizes, errors, draws))
    if len(n) < 3:
        raise ValueError("a shape needs the errors at three sizes or more")
    pairs = list(combinations(range(len(n)), 2))
    triples = list(combinations(range(len(n)), 3))
    steps = np.zeros((len(pairs), len(n)))
    for row, (first, last) in enumerate(pairs):
        steps[row, last], steps[row, first] = 1.0, -1.0
    bends = np.zeros((len(triples), len(n)))
    for row, (first, middle, last) in enumerate(triples):
        share = (n[last] - n[middle]) / (n[last] - n[first])
        bends[row, [first, middle, last]] = -share, 1.0, share - 1.0
    monotone_p, rises = _largest(steps, observed, drawn)
    convex_p, bulges = _largest(bends, observed, drawn)
    return ShapeTest(monotone_p, convex_p, pairs[rises], triples[bulges])


def _largest(contrasts: Floats, observed: Floats, drawn: Floats) -> tuple[float, int]:
    """Return the p-value of the largest contrast over its standard error, and which it is."""
    found = contrasts @ observed
    around = (drawn - observed) @ contrasts.T
    error = np.sqrt(np.mean(around**2, axis=0))
    varies = error > 1e-12
    scores = np.where(varies, found / np.where(varies, error, 1.0), np.where(found > 1e-12, np.inf, -np.inf))
    largest = int(scores.argmax())
    if not varies.any():
        return float(scores[largest] < np.inf), largest
    null = (around[:, varies] / error[varies]).max(axis=1)
    return float((1 + np.sum(null >= scores[largest])) / (1 + len(null))), largest
