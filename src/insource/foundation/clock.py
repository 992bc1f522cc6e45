"""An injectable clock: aware UTC datetimes for timestamps, monotonic seconds for durations."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The interface of a clock, passed to code that needs the time so that tests never sleep."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds since an arbitrary origin; the value never decreases."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


SYSTEM = SystemClock()


def to_microseconds(moment: datetime) -> int:
    """Return microseconds since the Unix epoch, the form in which the store keeps times."""
    return round(moment.timestamp() * 1_000_000)


def from_microseconds(value: int) -> datetime:
    """Return stored microseconds since the Unix epoch as an aware datetime in UTC."""
    return datetime.fromtimestamp(value / 1_000_000, UTC)


def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC with ``Z``, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
