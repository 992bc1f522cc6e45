"""Looks at the sealed test split: how many runs have evaluated on it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Table, Text, func, select
from sqlalchemy.dialects.sqlite import insert

from insource.clock import SYSTEM, Clock, to_microseconds
from insource.store.database import METADATA, Database

LOOKS = Table(
    "looks",
    METADATA,
    Column("dataset_digest", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("looked_at", BigInteger, nullable=False),  # microseconds since the epoch
)


def record_look(
    database: Database, dataset_digest: str, run_id: str, arm: str, *, clock: Clock = SYSTEM
) -> int:
    """Note that a run evaluated an arm on this dataset's test split; noting it twice changes nothing.

    Returns the number of runs that have looked, this one included.
    """
    look = {
        "dataset_digest": dataset_digest,
        "run_id": run_id,
        "arm": arm,
        "looked_at": to_microseconds(clock.now()),
    }
    with database.write() as connection:
        connection.execute(insert(LOOKS).values(look).on_conflict_do_nothing())
        return _count(connection, dataset_digest)


def looks(database: Database, dataset_digest: str) -> int:
    """The number of different runs that have evaluated on this dataset's test split."""
    with database.read() as connection:
        return _count(connection, dataset_digest)


def _count(connection: Connection, dataset_digest: str) -> int:
    runs = func.count(func.distinct(LOOKS.c.run_id))
    return connection.execute(select(runs).where(LOOKS.c.dataset_digest == dataset_digest)).scalar_one()
