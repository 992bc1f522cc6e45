"""Tests whether one figure has the same distribution in two samples of documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RARE = 10
"""Values that both samples together have less often are counted as one: the chi-square needs enough."""

Floats = NDArray[np.float64]


def numbers_differ(reference: Floats, window: Floats) -> float:
    """Return the p-value of Kolmogorov and Smirnov's test; 1 where a sample is empty."""
    if not len(reference) or not len(window):
        return 1.0
    from scipy.stats import ks_2samp

    return float(ks_2samp(reference, window, method="asymp").pvalue)


def shares_differ(reference: int, of_reference: int, window: int, of_window: int) -> float:
    """Return the p-value of Fisher's exact test of two shares; 1 where a sample is empty."""
    if not of_reference or not of_window:
        return 1.0
    from scipy.stats import fisher_exact

    table = [[reference, of_reference - reference], [window, of_window - window]]
    return float(fisher_exact(table).pvalue)


def frequencies_differ(reference: Sequence[str], window: Sequence[str]) -> float:
    """Return the p-value of the chi-square test of homogeneity; 1 where there is nothing to compare."""
    from scipy.stats import chi2_contingency

    before, after = Counter(reference), Counter(window)
    rare = [0, 0]
    rows = []
    for value in before.keys() | after.keys():
        pair = (before[value], after[value])
        if sum(pair) >= RARE:
            rows.append(pair)
        else:
            rare = [rare[0] + pair[0], rare[1] + pair[1]]
    if sum(rare):
        rows.append((rare[0], rare[1]))
    if len(rows) < 2 or not reference or not window:
        return 1.0
    return float(chi2_contingency(np.array(rows).T, correction=False).pvalue)
