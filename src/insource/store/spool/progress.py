"""How far each spool segment has been drained, stored in the transaction that stores its calls."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Connection, Table, Text, delete, select
from sqlalchemy.dialects.sqlite import insert

from insource.store.database import METADATA
from insource.types import Frozen

SEGMENTS = Table(
    "segments",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("open_calls", JSON, nullable=False),
    Column("erased", BigInteger, nullable=False, server_default="0"),  # everything before this byte is zeroed
)


class DrainProgress(Frozen):
    """The state of a partly drained segment.

    Draining continues at byte ``position``. ``open_calls`` maps each call that began before it and has not
    ended to the byte offset of its ``begin`` record.
    """

    position: int = 0
    open_calls: dict[str, int] = {}


def progress(connection: Connection, name: str) -> DrainProgress:
    """Return how far this segment has been drained; an unknown segment starts at 0."""
    row = connection.execute(select(SEGMENTS).where(SEGMENTS.c.name == name)).one_or_none()
    return DrainProgress() if row is None else DrainProgress(position=row.position, open_calls=row.open_calls)


def record_progress(connection: Connection, name: str, reached: DrainProgress) -> None:
    values = reached.model_dump()
    statement = insert(SEGMENTS).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def forget(connection: Connection, name: str) -> None:
    """Delete the row of a segment whose file no longer exists."""
    connection.execute(delete(SEGMENTS).where(SEGMENTS.c.name == name))
