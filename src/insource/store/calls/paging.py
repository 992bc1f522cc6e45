"""Reading many calls: page by page in a stable order, and following those that come in."""

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
    """The selected calls by start, then by id; at most ``page`` are in memory.

    Every page is read by itself (keyset pagination), so that a reader of any length neither holds back the
    write-ahead log nor sees a call twice.
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
    """The calls that come into the store from now on, in the order they come in.

    That is not the order they started in: a call is stored when it has ended.
    """

    def __init__(self, database: Database, selection: Selection) -> None:
        self._database = database
        self._selection = selection
        with database.read() as connection:
            self._last: int = connection.execute(select(func.max(rowid)).select_from(CALLS)).scalar_one() or 0

    def new(self) -> list[Call]:
        """Those that have come since the last look."""
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(rowid)).select_from(CALLS)).scalar_one() or 0
            if newest < self._last:  # a purge has numbered the rows anew
                self._last = newest
            query = select(CALLS).where(rowid > self._last, rowid <= newest, *self._selection.conditions())
            rows = connection.execute(query.order_by(rowid)).all()
        self._last = newest
        return [call_of_row(row._mapping) for row in rows]
