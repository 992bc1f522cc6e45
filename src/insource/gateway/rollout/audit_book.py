"""The audits that are not in the registry yet, and what those of today cost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from decimal import Decimal

from insource.lifecycle.audit_budget import BUDGET, stopped_by
from insource.types.deployment import Audit, Spent

PRICE_PENDING = "price-pending"


class AuditBook:
    """Audits between the event loop, which adds them, and the controller's thread, which writes them.

    An audit is in the book or in the registry, so ``spent`` never forgets one that was paid.
    """

    def __init__(self, usd_per_day: float) -> None:
        self._limit = usd_per_day
        self._lock = threading.Lock()
        self._new: list[Audit] = []
        self._taken: list[Audit] = []
        self._written = Spent()
        self._dearest: Decimal | None = None

    def add(self, audit: Audit) -> None:
        """Note an audit that is over."""
        with self._lock:
            self._new.append(audit)
            if audit.cost_usd is not None:
                self._dearest = max(audit.cost_usd, self._dearest or Decimal(0))

    def take(self) -> list[Audit]:
        """Return the audits to write; ``wrote`` or ``give_back`` has to follow."""
        with self._lock:
            self._taken, self._new = [*self._taken, *self._new], []
            return list(self._taken)

    def give_back(self, audits: Sequence[Audit]) -> None:
        """Keep audits that could not be written for the next time."""
        with self._lock:
            self._new, self._taken = [*audits, *self._new], []

    def wrote(self) -> None:
        """Note that the registry has the audits that were taken."""
        with self._lock:
            self._written, self._taken = self._with(self._taken), []

    def know(self, spent: Spent) -> None:
        """Note what the registry says that the audits of today cost, those of other gateways included."""
        with self._lock:
            self._written = spent

    @property
    def spent(self) -> Spent:
        """What today's audits cost: all that the registry had last, and those of this gateway since."""
        with self._lock:
            return self._with([*self._taken, *self._new])

    def _with(self, audits: Sequence[Audit]) -> Spent:
        usd, unpriced = self._written
        for one in audits:
            if one.source != "shadow":
                usd += one.cost_usd or 0
                unpriced += one.cost_usd is None
        return Spent(usd, unpriced)

    def refuses(self, under_way: int) -> str:
        """Return why no further audit may be paid for while so many are, empty if one may.

        Each of those, and the next one, is taken to cost as much as the dearest until now. Until a first
        price is known, one audit at a time is made.
        """
        spent, limit = self.spent, Decimal(str(self._limit))
        if (reason := stopped_by(spent, self._limit)) or limit.is_infinite():
            return reason
        if self._dearest is None:
            return PRICE_PENDING if under_way else ""
        return BUDGET if spent.usd + self._dearest * (under_way + 1) > limit else ""
