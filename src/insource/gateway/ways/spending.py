"""Know what the clouds have cost a task today, over restarts and in the calls that are not stored yet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from insource.foundation.errors import InsourceError
from insource.routing.ways.rules import Spent
from insource.store.calls.selection import Selection
from insource.store.calls.usage import consumption
from insource.store.database import Database


class Spending:
    """The cost of a task's calls since midnight UTC: those in the log at the start, and all that end since.

    A call whose cost is not known makes the sum a lower bound, and so does a log that cannot be read.
    """

    def __init__(self, database: Database, task: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._task = task
        self._now = now
        self._day = now().astimezone(UTC).date()
        self._usd, self._whole = self._before()

    def today(self) -> Spent:
        """Return what was spent since midnight."""
        self._turn()
        return Spent(float(self._usd), self._whole)

    def add(self, cost_usd: Decimal | None) -> None:
        """Count a call that ended; None if its cost is unknown."""
        self._turn()
        if cost_usd is None:
            self._whole = False
        else:
            self._usd += cost_usd

    def _turn(self) -> None:
        """Begin a new day. A clock that goes back keeps the later day, so that nothing is spent twice."""
        day = self._now().astimezone(UTC).date()
        if day > self._day:
            self._day, self._usd, self._whole = day, Decimal(0), True

    def _before(self) -> tuple[Decimal, bool]:
        midnight = datetime(self._day.year, self._day.month, self._day.day, tzinfo=UTC)
        try:
            lines = consumption(self._database, ["task"], Selection(task=self._task, since=midnight))
        except InsourceError:
            return Decimal(0), False
        real = [line for line in lines if not line.simulated]
        spent = sum((line.cost_usd for line in real if line.cost_usd is not None), Decimal(0))
        return spent, True
