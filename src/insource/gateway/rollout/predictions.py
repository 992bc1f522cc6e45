"""What audits have to know of the answers that were not audited: their predicted errors, as two sums."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """What one audit knows; the fields of an ``Audit`` with these names."""

    expected: float | None = None
    deviations: float = 0.0
    squares: float = 0.0


class Predictions:
    """Follows the predicted errors, 1 - confidence, of the answers that one version served."""

    def __init__(self) -> None:
        self._n, self._total = 0, 0.0
        self._known = Known()

    def add(self, confidence: float) -> None:
        """Take the next served answer."""
        predicted = 1 - confidence
        if self._n:
            expected = self._total / self._n
            off = predicted - expected
            self._known = Known(expected, self._known.deviations + off, self._known.squares + off**2)
        self._n, self._total = self._n + 1, self._total + predicted

    def take(self) -> Known:
        """Return what an audit of the answer taken last knows, and begin anew after it."""
        known, self._known = self._known, Known()
        return known
