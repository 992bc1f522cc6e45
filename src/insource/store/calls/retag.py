"""Assign a task to calls that were recorded without one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from insource.store.calls.rollups import FACTS, add_to_rollups, take_from_rollups
from insource.store.calls.selection import Selection
from insource.store.calls.table import CALLS
from insource.store.database import Database

_BATCH = 1000


def retag(database: Database, call_ids: Sequence[str], task: str) -> int:
    """Set the task of those of these calls that have none; return how many were changed.

    A call that has a task keeps it: the application's own tag takes precedence. The rollups are updated in
    the same transactions, which are short so that a gateway can write in between.

    Raises:
        InsourceError: the store's failures; earlier batches are committed, and a repeated call does the rest.
    """
    changed = 0
    place = FACTS.index("task")
    for start in range(0, len(call_ids), _BATCH):
        batch = tuple(call_ids[start : start + _BATCH])
        conditions = Selection(task="", call_ids=batch).conditions()
        with database.write() as connection:
            before = connection.execute(select(*(CALLS.c[name] for name in FACTS)).where(*conditions)).all()
            connection.execute(update(CALLS).where(*conditions).values(task=task))
            take_from_rollups(connection, before)
            add_to_rollups(connection, [(*row[:place], task, *row[place + 1 :]) for row in before])
        changed += len(before)
    return changed
