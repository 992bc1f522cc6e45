"""Say whether the calls of a task are the ones that were there before, without reading them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, func, select

from insource.store.calls.feedback import FEEDBACK
from insource.store.calls.table import CALLS
from insource.store.calls.tombstones import PURGES
from insource.store.database import Database
from insource.types import Frozen

_PRIME = 2_147_483_647  # so that the sum of a billion calls fits in 64 bits


class SetOfCalls(Frozen):
    """What tells one set of calls of one store from another: their number, and when they started.

    Times are in microseconds; ``checksum`` is the sum of the starts modulo a prime. Calls are added, removed
    and given a task. They are never changed, except that a later version may replace one that is unfinished,
    which counts as a removal. Several calls may have started at the same time, so a removed call may leave
    the same values to one that is added later: whoever compares sets has to compare ``removals``, too.
    """

    calls: int
    first: int
    last: int
    checksum: int


def calls_of(database: Database, task: str | None, *, but_from: Collection[str] = ()) -> SetOfCalls:
    """Return the set of a task's calls, of all calls when ``task`` is None.

    ``but_from`` leaves out the calls of these sources. That reads each row's columns, not only the index.
    """
    at = CALLS.c.started_at
    conditions: list[ColumnElement[bool]] = [] if task is None else [CALLS.c.task == task]
    if but_from:
        conditions.append(CALLS.c.source.not_in(but_from))
    query = select(
        func.count(),
        func.coalesce(func.min(at), 0),
        func.coalesce(func.max(at), 0),
        func.coalesce(func.sum(at % _PRIME), 0),
    ).select_from(CALLS)
    with database.read() as connection:
        calls, first, last, checksum = connection.execute(query.where(*conditions)).one()
    return SetOfCalls(calls=calls, first=first, last=last, checksum=checksum)


def removals(database: Database) -> int:
    """Return how many times calls were purged, by people or by retention."""
    with database.read() as connection:
        return int(connection.execute(select(func.coalesce(func.max(PURGES.c.purge_id), 0))).scalar_one())


def feedback_given(database: Database, task: str | None) -> tuple[int, int]:
    """Return number and last id of what people said about a task's calls, about all for None."""
    query = select(func.count(), func.coalesce(func.max(FEEDBACK.c.feedback_id), 0))
    if task is not None:
        query = query.select_from(FEEDBACK.join(CALLS)).where(CALLS.c.task == task)
    with database.read() as connection:
        number, last = connection.execute(query).one()
    return number, last
