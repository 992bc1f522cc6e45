"""Two ways to put numbers into the same formulas: exact decimals at the stated values, or arrays of draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Generic, TypeVar

import numpy as np

from insource.decision.economics.quantities import Floats, Quantity

N = TypeVar("N", Decimal, Floats)

DIGITS = 50  # of decimals: 36 months of compounding must not show in the cents

_TOLERANCE = 1e-9  # of a machine: 3.0000000000000004 machines are three


class Valuation(ABC, Generic[N]):
    """Gives each quantity its number, and the few operations that differ between the two kinds of number."""

    zero: N

    @abstractmethod
    def number(self, value: Decimal) -> N:
        """Return a constant."""

    def of(self, quantity: Quantity) -> N:
        """Return the number of a quantity."""
        return self.number(quantity.value)

    @abstractmethod
    def twelfth_root(self, factor: N) -> N:
        """Return the factor of a month for that of a year."""

    @abstractmethod
    def whole(self, number: N) -> N:
        """Round up to a whole number, at least 1."""

    @abstractmethod
    def larger(self, one: N, other: N) -> N:
        """Return the larger of two numbers."""

    @abstractmethod
    def over(self, cost: N, by: N) -> N:
        """Divide by a number; the result is infinite where that is not positive."""

    def total(self, numbers: Iterable[N]) -> N:
        """Return the sum."""
        found = self.zero
        for number in numbers:
            found = found + number
        return found


class Exact(Valuation[Decimal]):
    """The stated values, in decimals."""

    zero = Decimal(0)

    def number(self, value: Decimal) -> Decimal:
        return value

    def twelfth_root(self, factor: Decimal) -> Decimal:
        with localcontext(prec=DIGITS):
            return factor ** (Decimal(1) / 12)

    def whole(self, number: Decimal) -> Decimal:
        rounded = (number - Decimal(str(_TOLERANCE))).to_integral_value(ROUND_CEILING)
        return max(Decimal(1), rounded)

    def larger(self, one: Decimal, other: Decimal) -> Decimal:
        return max(one, other)

    def over(self, cost: Decimal, by: Decimal) -> Decimal:
        return cost / by if by > 0 else Decimal("Infinity")


class Drawn(Valuation[Floats]):
    """Arrays of one length: those given by name, and the stated value of every other quantity."""

    def __init__(self, values: Mapping[str, Floats], size: int) -> None:
        self._values = values
        self.size = size
        self.zero = np.zeros(size)

    def number(self, value: Decimal) -> Floats:
        return np.full(self.size, float(value))

    def of(self, quantity: Quantity) -> Floats:
        found = self._values.get(quantity.name)
        return super().of(quantity) if found is None else found

    def twelfth_root(self, factor: Floats) -> Floats:
        return np.asarray(factor ** (1 / 12), dtype=np.float64)

    def whole(self, number: Floats) -> Floats:
        return np.maximum(1.0, np.ceil(number - _TOLERANCE))

    def larger(self, one: Floats, other: Floats) -> Floats:
        return np.maximum(one, other)

    def over(self, cost: Floats, by: Floats) -> Floats:
        positive = by > 0
        return np.where(positive, cost / np.where(positive, by, 1), np.inf)
