"""The counters behind a virtual key's limits: reserve before a call, settle after it.

Call these functions inside ``Database.write_raw``. The write lock is taken before anything is read, so no two
calls, in any process, are decided on the same count.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from insource.foundation.clock import to_microseconds
from insource.foundation.money import NANO, to_nano_usd
from insource.store.keys import MINUTE_US, Exhausted, Granted, Period, VirtualKey, period_of


def reserve(
    connection: sqlite3.Connection, key: VirtualKey, worst_case_usd: Decimal, now: datetime
) -> Granted | Exhausted:
    """Count a call against the key's limits and reserve the most it can cost.

    The call is granted when spent and reserved money stay within the budget, and fewer than
    ``requests_per_minute`` calls were admitted in the last sixty seconds. A refused call is not counted.
    """
    period = period_of(key.budget_per, now)
    # Rounded up: a thousand calls at half a nano-dollar must not be free.
    worst = int((worst_case_usd * NANO).to_integral_value(ROUND_CEILING))
    if key.budget_usd is not None and worst:
        held = connection.execute(_HELD, (key.key_id, period)).fetchone() or (0,)
        if held[0] + worst > (to_nano_usd(key.budget_usd) or 0):
            return Exhausted(limit="budget", retry_after_s=_until_next(key.budget_per, now))
    if key.requests_per_minute is not None:
        wait_us = _take_slot(connection, key.key_id, key.requests_per_minute, to_microseconds(now))
        if wait_us:
            return Exhausted(limit="requests", retry_after_s=wait_us / 1_000_000)
    if key.budget_usd is not None and worst:
        connection.execute(_HOLD, (key.key_id, period, worst))
    return Granted(key_id=key.key_id, period=period, reserved_usd=Decimal(worst) / NANO)


def settle(connection: sqlite3.Connection, granted: Granted, cost_usd: Decimal | None) -> None:
    """Replace the reservation of a call by its actual cost.

    An unknown cost (None) counts as the whole reservation. The same holds for a call whose process dies
    before it settles, because the provider may have charged for it.
    """
    held = to_nano_usd(granted.reserved_usd) or 0
    spent = held if cost_usd is None else to_nano_usd(cost_usd)
    if held:
        connection.execute(_SETTLE, (held, spent, granted.key_id, granted.period))


_HELD = "SELECT reserved_nano_usd + spent_nano_usd FROM key_spend WHERE key_id = ? AND period = ?"
_HOLD = """INSERT INTO key_spend (key_id, period, reserved_nano_usd, spent_nano_usd) VALUES (?, ?, ?, 0)
    ON CONFLICT (key_id, period)
    DO UPDATE SET reserved_nano_usd = reserved_nano_usd + excluded.reserved_nano_usd"""
_SETTLE = """UPDATE key_spend
    SET reserved_nano_usd = reserved_nano_usd - ?, spent_nano_usd = spent_nano_usd + ?
    WHERE key_id = ? AND period = ?"""
_COUNT = "UPDATE virtual_keys SET admitted = admitted + 1 WHERE key_id = ?"
_ADMITTED = "SELECT admitted FROM virtual_keys WHERE key_id = ?"
_OLDEST = "SELECT at FROM key_requests WHERE key_id = ? AND slot = ?"
_STAMP = "INSERT OR REPLACE INTO key_requests (key_id, slot, at) VALUES (?, ?, ?)"


def _take_slot(connection: sqlite3.Connection, key_id: str, per_minute: int, now_us: int) -> int:
    """Admit a request and return 0, or return the microseconds to wait.

    The times of the latest ``per_minute`` requests are kept in a ring; the oldest must be a minute old. This
    is exact for every sixty seconds, not only for calendar minutes, and needs one row per request.
    """
    (admitted,) = connection.execute(_ADMITTED, (key_id,)).fetchone()
    slot = admitted % per_minute
    (oldest,) = connection.execute(_OLDEST, (key_id, slot)).fetchone() or (None,)
    # A time more than a minute ahead was written before the clock was set back; it is ignored.
    if oldest is not None and now_us - MINUTE_US < oldest <= now_us + MINUTE_US:
        return int(min(oldest + MINUTE_US - now_us, MINUTE_US))
    connection.execute(_COUNT, (key_id,))
    connection.execute(_STAMP, (key_id, slot, now_us))
    return 0


def _until_next(per: Period, now: datetime) -> float | None:
    """Return the seconds until the next period begins; None when there is no next period."""
    if per == "total":
        return None
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    if per == "day":
        begin = midnight + timedelta(days=1)
    else:
        begin = (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (begin - now).total_seconds()
