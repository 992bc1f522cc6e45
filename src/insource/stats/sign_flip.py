"""The exact sign-flip test of a mean over few groups (Fisher 1935), and the interval that inverts it.

If the groups' differences from the true mean are symmetric, each could have had the other sign, so the
observed sum is one of 2^G equally likely ones. The smallest two-sided p-value is 2^(1 - G). The interval's
ends are order statistics of the means over subsets of the groups (Hartigan 1969, JASA 64: typical values).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.intervals import Floats, Interval

MIN_GROUPS = 6
"""With five groups the smallest p-value is 0.0625, so nothing could ever be shown at 5 %."""
MAX_GROUPS = 16
"""65,536 subsets are enumerated in a moment; with more groups, use Student's t."""
_ROUNDING = 1e-12


class SignFlip(NamedTuple):
    """The test of a mean over documents; ``subset_means`` are sorted, one for each set of groups but the
    empty one.
    """

    subset_means: Floats
    groups: int

    def interval(self, confidence: float) -> Interval:
        """Return the interval; an end is -1 or 1 where too few groups bound it."""
        rank = math.floor((1 - confidence) / 2 * 2**self.groups + 1e-9)
        if rank == 0:
            return Interval(-1.0, 1.0)
        return Interval(float(self.subset_means[rank - 1]), float(self.subset_means[-rank]))

    def p_above(self, null: float) -> float:
        # The empty set is the observed sum itself.
        no_less = int(np.searchsorted(self.subset_means, null + _ROUNDING, side="right"))
        return float((1 + no_less) / 2**self.groups)

    def p_below(self, null: float) -> float:
        no_more = len(self.subset_means) - int(
            np.searchsorted(self.subset_means, null - _ROUNDING, side="left")
        )
        return float((1 + no_more) / 2**self.groups)


def sign_flip(sums: ArrayLike, sizes: ArrayLike) -> SignFlip:
    """Return the test for groups with these sums of differences and numbers of documents.

    The mean is over documents, so larger groups weigh more; with ``sizes`` of one, groups weigh equally.

    Raises:
        ValueError: fewer than ``MIN_GROUPS`` or more than ``MAX_GROUPS`` groups, or a size that is not
            positive.
    """
    totals, counts = np.asarray(sums, dtype=float), np.asarray(sizes, dtype=float)
    if not MIN_GROUPS <= len(totals) <= MAX_GROUPS:
        raise ValueError(f"the sign-flip test takes {MIN_GROUPS} to {MAX_GROUPS} groups")
    if not (counts > 0).all():
        raise ValueError("every group must have a document")
    return SignFlip(np.sort(_subset_sums(totals)[1:] / _subset_sums(counts)[1:]), len(totals))


def _subset_sums(values: Floats) -> Floats:
    """Return the sum of every subset, the empty one first."""
    found = np.zeros(1)
    for value in values:
        found = np.concatenate([found, found + value])
    return found
