"""Read many calls: page by page in a stable order, or as they arrive."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select, tuple_

from insource.store.calls.row import call_of_row
from insource.store.calls.selection import Selection
from insource.store.calls.table import CALLS, rowid
from insource.store.database import Database
from insource.types import Call


def iterate_calls(
    database: Database, selection: Selection, *, newest_first: bool = False, page: int = 200
) -> Iterator[Call]:
    """Yield the selected calls by start time and id; at most ``page`` are in memory.

    Every page is a separate read (keyset pagination), so that a long read neither blocks checkpoints of the
    write-ahead log nor returns a call twice.
    """
    place = tuple_(CALLS.c.started_at, CALLS.c.call_id)
    order = [column.desc() if newest_first else column for column in (CALLS.c.started_at, CALLS.c.call_id)]
    query = select(CALLS).where(*selection.conditions()).order_by(*order).limit(page)
    next_page = query
    while True:
        with database.read() as connection:
            rows = connection.execute(next_page).all()
        for row in rows:
            yield call_of_row(row._mapping)
        if len(rows) < page:
            return
        last = (rows[-1].started_at, rows[-1].call_id)
        next_page = query.where(place < last if newest_first else place > last)


class Follower:
    """Returns the calls stored from now on, in the order in which they are stored.

    That is not the order in which they started, because a call is stored when it ends.
    """

    def __init__(self, database: Database, selection: Selection) -> None:
        self._database = database
        self._selection = selection
        with database.read() as connection:
            self._last: int = connection.execute(select(func.max(rowid)).select_from(CALLS)).scalar_one() or 0

    def new(self) -> list[Call]:
        """Return the calls stored since the last call of this method."""
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(rowid)).select_from(CALLS)).scalar_one() or 0
            if newest < self._last:  # a purge has renumbered the rows
                self._last = newest
            query = select(CALLS).where(rowid > self._last, rowid <= newest, *self._selection.conditions())
            rows = connection.execute(query.order_by(rowid)).all()
        self._last = newest
        return [call_of_row(row._mapping) for row in rows]
