"""Overwrite drained records in the spool, so that purged text does not survive there.

A segment is deleted when its process has ended or it is full. Until then, its drained part is overwritten
with zeros. The writer only appends, and a drain reads nothing before the first open call, so neither is
affected. On copy-on-write file systems and flash storage, old blocks may survive until they are reused.
"""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path

import msgspec
from sqlalchemy import select, update

from insource.foundation.files import sync
from insource.store.database import Database
from insource.store.spool.frames import scan
from insource.store.spool.progress import SEGMENTS, DrainProgress
from insource.store.spool.writer import SUFFIX

_BLOCK = 1 << 20


class _Owner(msgspec.Struct):
    call_id: str = ""


def erase_drained(database: Database, directory: Path, call_ids: Set[str] = frozenset()) -> int:
    """Zero everything that no drain will read again, and the drained records of these calls.

    Return the number of bytes zeroed.

    Raises:
        InsourceError: the store's failures.
    """
    erased = 0
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        with database.write() as connection:  # the write lock excludes every drain
            row = connection.execute(select(SEGMENTS).where(SEGMENTS.c.name == path.name)).one_or_none()
            if row is None:
                continue
            reached = DrainProgress(position=row.position, open_calls=row.open_calls)
            try:
                file = path.open("r+b", buffering=0)
            except FileNotFoundError:  # a drain has deleted it
                continue
            with file:
                done = min([reached.position, *reached.open_calls.values()])
                erased += _zero(file.fileno(), row.erased, done)
                for start, end in _records_of(file.fileno(), done, reached.position, call_ids):
                    erased += _zero(file.fileno(), start, end)
                sync(file.fileno())
            this = update(SEGMENTS).where(SEGMENTS.c.name == path.name)
            connection.execute(this.values(erased=max(done, row.erased)))
    return erased


def _zero(fd: int, start: int, end: int) -> int:
    for position in range(start, end, _BLOCK):
        os.pwrite(fd, bytes(min(_BLOCK, end - position)), position)
    return max(end - start, 0)


def _records_of(fd: int, start: int, end: int, call_ids: Set[str]) -> list[tuple[int, int]]:
    """Return the byte ranges of these calls' records between two offsets."""
    if not call_ids:
        return []
    found = []
    for record in scan(os.pread(fd, end - start, start), closed=True).records:
        try:
            owner = msgspec.json.decode(record.payload, type=_Owner).call_id
        except (msgspec.MsgspecError, ValueError, RecursionError):
            owner = str(record.fields.get("call_id", ""))
        if owner in call_ids:
            found.append((start + record.start, start + record.end))
    return found
