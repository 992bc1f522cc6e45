"""Replace calls that were stored while they were under way by a later version of the same record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from insource.foundation.clock import SYSTEM, Clock, to_microseconds
from insource.store.calls.rollups import FACTS, add_to_rollups, take_from_rollups
from insource.store.calls.row import COLUMNS, call_of_row, row_of_call
from insource.store.calls.table import CALLS
from insource.store.calls.tombstones import Purge, open_purge
from insource.types import Call
from insource.types.call import Outcome

UNFINISHED: tuple[Outcome, ...] = ("interrupted", "unread")
REPLACED = "replaced by a later version"
# The row number is raised so that readers of what arrives see the call again.
_REPLACE = "UPDATE calls SET rowid = (SELECT max(rowid) + 1 FROM calls), {} WHERE call_id = ?".format(
    ", ".join(f'"{name}" = ?' for name in COLUMNS)
)


def unfinished_among(connection: Connection, call_ids: Sequence[str]) -> dict[str, str]:
    """Return the tasks of those of these calls that are stored as unfinished, by call id."""
    query = select(CALLS.c.call_id, CALLS.c.task)
    query = query.where(CALLS.c.call_id.in_(call_ids), CALLS.c.outcome.in_(UNFINISHED))
    return {call_id: task for call_id, task in connection.execute(query)}


def unfinished_response(
    connection: Connection, response_id: str, provider: str, since: datetime, until: datetime
) -> Call | None:
    """Return the unfinished call to this provider whose response has this id, and which started then."""
    query = select(CALLS).where(
        CALLS.c.started_at.between(to_microseconds(since), to_microseconds(until)),
        CALLS.c.outcome.in_(UNFINISHED),
        CALLS.c.provider == provider,
        func.json_extract(CALLS.c.payload, "$.response.id") == response_id,
    )
    row = connection.execute(query).first()
    return None if row is None else call_of_row(row._mapping)


def replace_unfinished(connection: Connection, calls: Sequence[Call], *, clock: Clock = SYSTEM) -> int:
    """Replace stored calls that are unfinished by these finished versions; return how many were.

    Feedback stays. A call without a task keeps the stored one. The replacement is recorded like a purge, so
    that a dataset built from the earlier version is not taken for the current one, and the call counts as
    newly arrived.
    """
    tasks = unfinished_among(connection, [call.call_id for call in calls])
    versions = [call for call in calls if call.call_id in tasks and call.outcome not in UNFINISHED]
    if not versions:
        return 0
    replaced = CALLS.c.call_id.in_([call.call_id for call in versions])
    facts = select(*(CALLS.c[name] for name in FACTS)).where(replaced)
    take_from_rollups(connection, connection.execute(facts).all())
    for call in versions:
        whole = call.model_copy(update={"task": call.task or tasks[call.call_id]})
        connection.exec_driver_sql(_REPLACE, (*row_of_call(whole), call.call_id))
    add_to_rollups(connection, connection.execute(facts).all())
    record = Purge(purged_at=clock.now(), reason=REPLACED, selection={}, calls=len(versions))
    open_purge(connection, record)
    return len(versions)
