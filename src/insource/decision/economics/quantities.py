"""An input of the economics: its value, its range, how it is distributed, and where it comes from."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from insource.config.decision import Distribution
from insource.foundation.errors import DataError
from insource.stats.distributions import normal_quantile
from insource.types import Assumption, Estimate, Frozen

Floats = NDArray[np.float64]
Origin = Literal["measured", "yours", "default"]

Z95 = normal_quantile(0.975)


class Quantity(Frozen):
    """One input, finite, with ``floor <= low <= value <= high <= ceiling``.

    ``low`` and ``high`` are the ends of ``uniform`` and ``triangular`` (whose mode is ``value``), and the
    2.5th and 97.5th percentiles of ``normal`` and ``lognormal``. The latter two are two-piece: ``value`` is
    the median, and each side has its own spread, so that an asymmetric interval keeps both of its ends.
    ``floor`` and ``ceiling`` bound what the quantity can be at all; ``ceiling`` is None where nothing does.
    """

    name: str
    value: Decimal
    low: Decimal
    high: Decimal
    distribution: Distribution = "fixed"
    unit: str = ""
    source: str
    origin: Origin = "measured"
    floor: Decimal = Decimal(0)
    ceiling: Decimal | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ends = (
            self.floor,
            self.low,
            self.value,
            self.high,
            self.value if self.ceiling is None else self.ceiling,
        )
        if not all(end.is_finite() for end in ends) or list(ends[:4]) != sorted(ends[:4]):
            raise ValueError(f"{self.name}: {ends} is not finite, or not in order")
        if self.ceiling is not None and self.high > self.ceiling:
            raise ValueError(f"{self.name}: {self.high} is above {self.ceiling}")
        return self

    @property
    def varies(self) -> bool:
        return self.distribution != "fixed" and self.low < self.high

    def bounded(self, name: str, floor: Decimal, ceiling: Decimal | None) -> Quantity:
        """Return the quantity under another name, its range cut to these bounds.

        Raises:
            DataError: ``economics-input`` when its value is out of them.
        """
        _checked(name, self.value, floor, ceiling)
        high = self.high if ceiling is None else min(ceiling, self.high)
        update = {"name": name, "low": max(floor, self.low), "high": high, "floor": floor, "ceiling": ceiling}
        return self.model_copy(update=update)

    def quantile(self, probability: Floats) -> Floats:
        """Return the values below which the quantity lies with these probabilities (0 < p < 1)."""
        value, low, high = float(self.value), float(self.low), float(self.high)
        if not self.varies:
            return np.full_like(probability, value)
        if self.distribution == "uniform":
            return low + probability * (high - low)
        if self.distribution == "triangular":
            return _triangular(probability, low, value, high)
        found = _two_piece(probability, value, low, high, logarithmic=self.distribution == "lognormal")
        return np.clip(found, float(self.floor), math.inf if self.ceiling is None else float(self.ceiling))

    def shown(self) -> Assumption:
        """Return the quantity as it is printed."""
        return Assumption(
            name=self.name,
            value=float(self.value),
            unit=self.unit,
            source=self.source,
            low=float(self.low) if self.varies else None,
            high=float(self.high) if self.varies else None,
            distribution=self.distribution if self.varies else "fixed",
            origin=self.origin,
        )


def _triangular(probability: Floats, low: float, mode: float, high: float) -> Floats:
    width = high - low
    below = low + np.sqrt(probability * width * (mode - low))
    above = high - np.sqrt((1 - probability) * width * (high - mode))
    return np.where(probability * width < mode - low, below, above)


def _two_piece(probability: Floats, median: float, low: float, high: float, *, logarithmic: bool) -> Floats:
    from scipy.special import ndtri  # loaded late: reading a configuration needs no scipy

    if logarithmic:
        median, low, high = math.log(median), math.log(low), math.log(high)
    z = ndtri(probability)
    found = median + z / Z95 * np.where(z < 0, median - low, high - median)
    return np.asarray(np.exp(found) if logarithmic else found, dtype=np.float64)


def exact(number: float | Decimal) -> Decimal:
    """Return a number as the decimal that it is written as: 0.1 is one tenth."""
    return number if isinstance(number, Decimal) else Decimal(str(number))


def measured(
    name: str,
    found: Estimate | float | Decimal,
    *,
    unit: str,
    source: str,
    floor: float = 0,
    ceiling: float | None = None,
) -> Quantity | None:
    """Return a measured input; None when the estimate has no value.

    An interval makes it ``normal``, with the ends at its confidence brought to 95 %; without one it is fixed.

    Raises:
        DataError: ``economics-input`` when a number is infinite, not a number, or out of its bounds.
    """
    estimate = found if isinstance(found, Estimate) else Estimate(value=float(found), method="stated")
    if estimate.value is None:
        return None
    centre = exact(found if isinstance(found, Decimal) else estimate.value)
    _checked(name, centre, None, None)
    low, high = _ends(name, centre, estimate)
    widest = Quantity.model_construct(
        name=name,
        value=centre,
        low=low,
        high=high,
        distribution="normal" if low < high else "fixed",
        unit=unit,
        source=source,
    )
    return widest.bounded(name, exact(floor), None if ceiling is None else exact(ceiling))


def _ends(name: str, centre: Decimal, estimate: Estimate) -> tuple[Decimal, Decimal]:
    """Return the ends of an interval, brought to 95 %, with the value between them."""
    if estimate.low is None or estimate.high is None:
        return centre, centre
    low, high = exact(estimate.low), exact(estimate.high)
    for end in (low, high):
        _checked(name, end, None, None)
    stretch = exact(Z95 / normal_quantile(0.5 + estimate.confidence / 2))
    return min(centre, centre - stretch * (centre - low)), max(centre, centre + stretch * (high - centre))


def _checked(name: str, value: Decimal, floor: Decimal | None, ceiling: Decimal | None) -> None:
    """Refuse a number that the quantity cannot be."""
    inside = value.is_finite() and (floor is None or value >= floor) and (ceiling is None or value <= ceiling)
    if inside:
        return
    bounds = "" if floor is None else f", at least {floor}" if ceiling is None else f", {floor} to {ceiling}"
    raise DataError(
        "economics-input",
        f"The economics cannot use {name} = {value}: it has to be a finite number{bounds}.",
        hint="Correct the price, the count or the time that it comes from, or leave it out: an input that is "
        "missing is carried through as unknown.",
    )
