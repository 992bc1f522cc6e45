"""The three-parameter learning curve: error(n) = a + b n^-c, a and b not negative.

With c given, the curve is linear in a and b, so that the best pair within the bounds is known exactly. The
exponents are tried on a grid, which has no local minimum to stop in. Two parameters (a = 0) promise too much
where a curve levels off, hence three (Viering and Loog 2023, IEEE TPAMI 45(6), section 4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.intervals import Floats

EXPONENTS = np.geomspace(0.05, 2.0, 256)
"""Published exponents of learning curves lie between 0.1 and 1; a step of the grid is 1.5 %."""


class PowerLaws(NamedTuple):
    """Fitted curves, one a row: the error that is left (a), the scale (b), and the exponent (c)."""

    floor: Floats
    scale: Floats
    exponent: Floats

    def at(self, n: float) -> Floats:
        """Return the error of each curve at ``n`` examples."""
        found: Floats = self.floor + self.scale * float(n) ** -self.exponent
        return found

    def reaching(self, error: float) -> Floats:
        """Return how many examples each curve needs for that error; infinite where it levels off above."""
        left = error - self.floor
        with np.errstate(divide="ignore", over="ignore"):
            needed = (self.scale / np.where(left > 0, left, 1.0)) ** (1 / self.exponent)
        found: Floats = np.where(left > 0, needed, np.inf)
        return found


def fit_power_laws(sizes: ArrayLike, errors: ArrayLike) -> PowerLaws:
    """Fit each row of ``errors``, shape (curves, sizes), to the ``sizes`` by least squares within the bounds.

    Raises:
        ValueError: fewer than three sizes, or a size that is not positive.
    """
    n, y = np.asarray(sizes, dtype=float), np.atleast_2d(np.asarray(errors, dtype=float))
    if len(n) < 3 or y.shape[1] != len(n) or (n <= 0).any():
        raise ValueError("three parameters need the errors at three sizes or more, all positive")
    x = (n / n.max()) ** -EXPONENTS[:, None]  # scaled, so that b does not span ten orders of magnitude
    floor, scale = _within_bounds(x, y)
    squares = np.sum((y[:, None] - floor[..., None] - scale[..., None] * x) ** 2, axis=2)
    best, rows = squares.argmin(axis=1), np.arange(len(y))
    exponent = EXPONENTS[best]
    return PowerLaws(floor[rows, best], scale[rows, best] * n.max() ** exponent, exponent)


def _within_bounds(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the least-squares a and b of each curve and exponent, shape (curves, exponents), neither < 0.

    ``x`` has shape (exponents, sizes), ``y`` (curves, sizes). Of two convex bounds, the solution is inside,
    or on the bound that is violated.
    """
    centred = x - x.mean(axis=1, keepdims=True)
    scale = y @ centred.T / np.sum(centred**2, axis=1)
    floor = y.mean(axis=1, keepdims=True) - scale * x.mean(axis=1)
    falls = scale >= 0
    scale = np.where(falls, scale, 0.0)
    floor = np.where(falls, floor, y.mean(axis=1, keepdims=True))
    through_zero = np.maximum(y @ x.T / np.sum(x**2, axis=1), 0.0)
    negative = floor < 0
    return np.where(negative, 0.0, floor), np.where(negative, through_zero, scale)
