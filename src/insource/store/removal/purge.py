"""Delete calls permanently: rows, payloads, feedback, their share of the rollups, their text in the spool.

``purge`` is requested by a person; it leaves tombstones and rewrites the store's file. ``retain`` runs
automatically; each turn removes a bounded number of calls without tombstones, and the space is reused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, case, func, select

from insource.foundation.clock import SYSTEM, Clock
from insource.store.calls.rollups import FACTS, ROLLUPS, take_from_rollups
from insource.store.calls.selection import Selection
from insource.store.calls.table import CALLS, rowid
from insource.store.calls.tombstones import Purge, bury, count_purged, open_purge, purge_since
from insource.store.database import Database
from insource.store.removal.erase import erase_drained
from insource.store.spool.drain import drain
from insource.types import Frozen

RETENTION = "retention"

_BATCH = 1000
_GB = 1_000_000_000
_DELETE = "DELETE FROM calls WHERE call_id IN (SELECT value FROM json_each(?))"  # cascades to feedback


class PurgeReport(Frozen):
    """The result of a purge: ``calls`` were removed and ``spool_bytes`` overwritten.

    ``under_way`` calls had not ended; they are not in the log yet and are not covered by the selection.
    ``row_answers`` are (row id, model asked) of the removed calls that were made for a dataset row.
    ``call_ids`` are the ids of all removed calls.
    """

    calls: int
    spool_bytes: int
    under_way: int
    row_answers: frozenset[tuple[str, str]]
    call_ids: frozenset[str] = frozenset()


class Retained(Frozen):
    """``calls`` were removed; ``more`` says that another turn may have more to remove."""

    calls: int
    more: bool


def purge(
    database: Database,
    spool: Path,
    selection: Selection,
    *,
    reason: str,
    clock: Clock = SYSTEM,
    progress: Callable[[int], None] = lambda done: None,
) -> PurgeReport:
    """Remove the selected calls from the store and from the files.

    Finished calls are drained first; calls that end later are not affected. If interrupted, the calls removed
    so far stay removed and counted, and the same purge can be repeated. ``progress`` receives the number
    removed so far.

    Raises:
        InsourceError: the store's failures; ``store-locked`` also when another connection prevents the
            file from being rewritten. The calls are then removed, and repeating the purge rewrites the file.
    """
    drained = drain(database, spool)
    removed: set[str] = set()
    rows: set[tuple[str, str]] = set()
    with database.write() as connection:
        opened = Purge(purged_at=clock.now(), reason=reason, selection=selection.described(), calls=0)
        purge_id = open_purge(connection, opened)
        newest = connection.execute(select(func.max(rowid)).select_from(CALLS)).scalar_one() or 0
    while True:
        with database.write() as connection:
            batch = _remove(connection, selection, _BATCH, newest)
            bury(connection, purge_id, [call_id for call_id, _, _ in batch])
            count_purged(connection, purge_id, len(batch))
        if not batch:
            break
        removed.update(call_id for call_id, _, _ in batch)
        rows.update((row_id, model) for _, row_id, model in batch if row_id is not None)
        progress(len(removed))
    zeroed = erase_drained(database, spool, removed)
    database.rewrite()
    return PurgeReport(
        calls=len(removed),
        spool_bytes=zeroed,
        under_way=drained.under_way,
        row_answers=frozenset(rows),
        call_ids=frozenset(removed),
    )


def retain(
    database: Database,
    spool: Path,
    *,
    days: float | None = None,
    gb: float | None = None,
    at_most: int = 5 * _BATCH,
    clock: Clock = SYSTEM,
) -> Retained:
    """Run one turn of retention; remove at most ``at_most`` calls.

    Calls older than ``days`` are removed first, then the oldest calls while the store is larger than ``gb``
    (10⁹ bytes).

    Raises:
        InsourceError: the store's failures; the next turn continues.
    """
    now = clock.now()
    removed = 0
    if days is not None:
        removed += _retire(database, Selection(until=now - timedelta(days=days)), at_most, now)
    if gb is not None and removed < at_most:
        removed += _retire(database, Selection(), min(_excess(database, gb), at_most - removed), now)
    if removed:
        erase_drained(database, spool)
    return Retained(calls=removed, more=removed >= at_most)


def _excess(database: Database, gb: float) -> int:
    """Return how many of the oldest calls must go to bring the store below ``gb``, from their mean size."""
    used = database.used_bytes()
    with database.read() as connection:
        calls = connection.execute(select(func.coalesce(func.sum(ROLLUPS.c.calls), 0))).scalar_one()
    over = used - gb * _GB
    return min(math.ceil(over / used * calls), calls) if over > 0 else 0


def _retire(database: Database, selection: Selection, at_most: int, now: datetime) -> int:
    if not at_most or not _any(database, selection):
        return 0
    with database.write() as connection:
        removed = len(_remove(connection, selection, at_most))
        midnight = datetime.combine(now.astimezone(UTC).date(), datetime.min.time(), UTC)
        purge_id = purge_since(connection, RETENTION, midnight)  # one entry per day
        if purge_id is None:
            purge_id = open_purge(connection, Purge(purged_at=now, reason=RETENTION, selection={}, calls=0))
        count_purged(connection, purge_id, removed)
    return removed


def _any(database: Database, selection: Selection) -> bool:
    """Check without the write lock, since most turns find nothing."""
    query = select(CALLS.c.call_id).where(*selection.conditions()).limit(1)
    with database.read() as connection:
        return connection.execute(query).first() is not None


def _remove(
    connection: Connection, selection: Selection, at_most: int, newest: int | None = None
) -> list[tuple[str, str | None, str]]:
    """Remove the oldest of the selected calls; return call id, row id and model asked of each."""
    row_id = case(
        (func.json_valid(CALLS.c.payload) == 1, func.json_extract(CALLS.c.payload, "$.tags.row_id"))
    )
    query = select(*(CALLS.c[name] for name in FACTS), CALLS.c.call_id, row_id, CALLS.c.model_asked)
    query = query.where(*selection.conditions()).order_by(CALLS.c.started_at, CALLS.c.call_id)
    if newest is not None:
        query = query.where(rowid <= newest)
    found = connection.execute(query.limit(at_most)).all()
    take_from_rollups(connection, (row[: len(FACTS)] for row in found))
    removed = [(row[-3], row[-2], row[-1]) for row in found]
    connection.exec_driver_sql(_DELETE, (json.dumps([call_id for call_id, _, _ in removed]),))
    return removed
