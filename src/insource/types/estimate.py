"""A number that someone may act on, with its uncertainty."""

from __future__ import annotations

from insource.types.base import Frozen


class Estimate(Frozen):
    """A value with its interval, sample size and method.

    ``value`` is None when nothing was measured. ``low`` and ``high`` are None when no valid interval exists
    (one cluster, no variation); ``note`` then says why.

    Examples:
        >>> from insource import Estimate
        >>> accuracy = Estimate(value=0.94, low=0.91, high=0.97, n=100, method="Wilson")
        >>> f"{accuracy.value:.0%} [{accuracy.low:.0%}, {accuracy.high:.0%}], n = {accuracy.n}"
        '94% [91%, 97%], n = 100'
        >>> Estimate(value=None, method="not measured").measured
        False
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    n: int = 0
    method: str = ""
    note: str = ""

    @property
    def measured(self) -> bool:
        return self.value is not None

    def scaled(self, factor: float, method: str) -> Estimate:
        """Return this times a known positive factor, such as a price; what is unknown stays so."""
        ends = {
            name: None if value is None else value * factor
            for name, value in (("value", self.value), ("low", self.low), ("high", self.high))
        }
        return self.model_copy(update={**ends, "method": method})


NOT_MEASURED = Estimate(value=None, method="not measured")
