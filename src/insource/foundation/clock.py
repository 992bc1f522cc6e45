"""Time as a value that can be injected: aware UTC for stamps, monotonic seconds for durations."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What code that needs the time takes as an argument, so that tests never sleep."""

    def now(self) -> datetime:
        """The present, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary origin, never going back."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


SYSTEM = SystemClock()


def to_microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, as stored."""
    return round(moment.timestamp() * 1_000_000)


def from_microseconds(value: int) -> datetime:
    """The stored microseconds as an aware UTC moment."""
    return datetime.fromtimestamp(value / 1_000_000, UTC)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z``, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
