"""A record of purges, and the ids of purged calls, so that nothing stores them again.

A purge that a person requests keeps the id of every call, so that a later import or drain cannot restore it.
Retention keeps only the count: a call that it removed and that comes back is again too old. So does the
replacement of an unfinished version of a call by a later one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from insource.foundation.clock import from_microseconds, to_microseconds
from insource.store.database import METADATA, Database
from insource.types import Frozen

PURGES = Table(
    "purges",
    METADATA,
    Column("purge_id", Integer, primary_key=True),
    Column("purged_at", BigInteger, nullable=False),  # microseconds since the epoch
    Column("reason", Text, nullable=False),
    Column("selection", JSON, nullable=False),
    Column("calls", Integer, nullable=False),
)
TOMBSTONES = Table(
    "tombstones",
    METADATA,
    Column("call_id", Text, primary_key=True),
    Column("purge_id", Integer, ForeignKey("purges.purge_id"), nullable=False),
    sqlite_with_rowid=False,
)

_PURGED = "SELECT value FROM json_each(?) WHERE value IN (SELECT call_id FROM tombstones)"


class Purge(Frozen):
    """One purge: ``selection`` is what was requested, ``calls`` the number of removed calls."""

    purged_at: datetime
    reason: str
    selection: dict[str, str]
    calls: int


def purged_among(connection: Connection, call_ids: Sequence[str]) -> list[str]:
    """Return those of the ids that were purged."""
    return [row[0] for row in connection.exec_driver_sql(_PURGED, (json.dumps(call_ids),))]


def open_purge(connection: Connection, purge: Purge) -> int:
    """Record a purge; return its id."""
    values = purge.model_dump(exclude={"purged_at"}) | {"purged_at": to_microseconds(purge.purged_at)}
    found: int = connection.execute(insert(PURGES).values(values).returning(PURGES.c.purge_id)).scalar_one()
    return found


def count_purged(connection: Connection, purge_id: int, calls: int) -> None:
    """Add to the number of calls that a purge has removed."""
    more = update(PURGES).where(PURGES.c.purge_id == purge_id)
    connection.execute(more.values(calls=PURGES.c.calls + calls))


def purge_since(connection: Connection, reason: str, since: datetime) -> int | None:
    """Return the id of the latest purge with this reason since that time, or None."""
    query = select(func.max(PURGES.c.purge_id)).where(
        PURGES.c.reason == reason, PURGES.c.purged_at >= to_microseconds(since)
    )
    found: int | None = connection.execute(query).scalar_one()
    return found


def bury(connection: Connection, purge_id: int, call_ids: Sequence[str]) -> None:
    """Store a tombstone for every id."""
    if call_ids:
        rows = [{"call_id": call_id, "purge_id": purge_id} for call_id in call_ids]
        connection.execute(insert(TOMBSTONES).prefix_with("OR IGNORE"), rows)


def purges(database: Database) -> tuple[Purge, ...]:
    """Return every purge, latest first."""
    with database.read() as connection:
        rows = connection.execute(select(PURGES).order_by(PURGES.c.purge_id.desc())).all()
    return tuple(_purge(row._asdict()) for row in rows)


def purge_of(database: Database, call_id: str) -> Purge | None:
    """Return the purge that removed this call, or None when there is no tombstone for it."""
    query = select(PURGES).join(TOMBSTONES).where(TOMBSTONES.c.call_id == call_id)
    with database.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _purge(row._asdict())


def _purge(fields: dict[str, object]) -> Purge:
    del fields["purge_id"]
    at = fields.pop("purged_at")
    assert isinstance(at, int)
    return Purge.model_validate({**fields, "purged_at": from_microseconds(at)})
