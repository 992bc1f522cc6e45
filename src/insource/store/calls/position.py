"""Say whether the calls of a task are the ones that were there before, without reading them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from insource.store.calls.feedback import FEEDBACK
from insource.store.calls.table import CALLS
from insource.store.database import Database
from insource.types import Frozen

_PRIME = 2_147_483_647  # so that the sum of a billion calls fits in 64 bits


class SetOfCalls(Frozen):
    """What tells one set of calls from another: their number, and when they started, in microseconds.

    ``checksum`` is the sum of the starts modulo a prime. Calls are never changed, only added, removed and
    given a task, so equal values mean the same calls.
    """

    calls: int
    first: int
    last: int
    checksum: int


def calls_of(database: Database, task: str | None, *, but_from: str = "") -> SetOfCalls:
    """Return the set of a task's calls, of all calls when ``task`` is None.

    ``but_from`` leaves out a source of calls. Without it the index by task answers; with it the rows are
    read, though not what they hold.
    """
    conditions: list[ColumnElement[bool]] = [] if task is None else [CALLS.c.task == task]
    if but_from:
        conditions.append(CALLS.c.source != but_from)
    return _set(database, CALLS.c.started_at, conditions)


def feedback_given(database: Database) -> SetOfCalls:
    """Return the set of all that people said about calls, as one of calls is described."""
    return _set(database, FEEDBACK.c.at, [])


def _set(database: Database, at: ColumnElement[int], conditions: list[ColumnElement[bool]]) -> SetOfCalls:
    query = select(
        func.count(),
        func.coalesce(func.min(at), 0),
        func.coalesce(func.max(at), 0),
        func.coalesce(func.sum(at % _PRIME), 0),
    ).select_from(at.table)
    with database.read() as connection:
        calls, first, last, checksum = connection.execute(query.where(*conditions)).one()
    return SetOfCalls(calls=calls, first=first, last=last, checksum=checksum)
