"""Agreement of two raters beyond chance."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from insource.stats.distributions import normal_quantile
from insource.stats.intervals import Interval


class Kappa(NamedTuple):
    """Cohen's κ with its interval and the observed share of agreement.

    ``value`` is None when the expected agreement is 1. ``interval`` is None when the variance is zero.
    """

    value: float | None
    interval: Interval | None
    observed: float


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable], confidence: float = 0.95) -> Kappa:
    """Return Cohen's κ of two raters of the same items (Cohen 1960).

    The interval is the large-sample interval of Fleiss, Cohen and Everitt (1969, eq. 13).

    Raises:
        ValueError: there are no items, or the two sequences differ in length.
    """
    if not first or len(first) != len(second):
        raise ValueError("both raters must rate the same number of items, and at least one")
    index = {category: place for place, category in enumerate(dict.fromkeys([*first, *second]))}
    table = np.zeros((len(index), len(index)))
    np.add.at(table, ([index[one] for one in first], [index[one] for one in second]), 1 / len(first))
    rows, columns, diagonal = table.sum(axis=1), table.sum(axis=0), np.diag(table)
    observed, expected = float(diagonal.sum()), float(rows @ columns)
    # Both raters used one and the same category: κ is 0/0.
    if math.isclose(expected, 1):
        return Kappa(None, None, observed)
    kappa = (observed - expected) / (1 - expected)
    # Eq. 13 divided by (1 - expected)², with (1 - observed) / (1 - expected) = 1 - κ. The weight of an
    # off-diagonal cell (i, j) is the column margin of i plus the row margin of j, squared.
    on = float(diagonal @ (1 - (rows + columns) * (1 - kappa)) ** 2)
    weights = (columns[:, None] + rows[None, :]) ** 2
    off = (1 - kappa) ** 2 * float((table * weights).sum() - diagonal @ np.diag(weights))
    variance = (on + off - (kappa - expected * (1 - kappa)) ** 2) / (len(first) * (1 - expected) ** 2)
    # With complete agreement, for example, the variance is 0 up to rounding. An interval of width 0 would
    # claim certainty.
    if variance < 1e-15:
        return Kappa(kappa, None, observed)
    half = normal_quantile(1 - (1 - confidence) / 2) * math.sqrt(variance)
    return Kappa(kappa, Interval(kappa - half, kappa + half).clipped(-1.0, 1.0), observed)
