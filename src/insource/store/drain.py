"""Draining: finished calls move from the spool into the store, exactly once.

The rows of a batch and how far its segment has been read are committed in one transaction, so that a
drain killed at any point neither loses nor repeats a call. Several processes may drain at once.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError
from sqlalchemy import Connection

from insource.clock import from_microseconds
from insource.store.calls import insert_calls
from insource.store.database import Database
from insource.store.frames import Record, Scan, record_at, scan
from insource.store.segments import Progress, forget, progress, record_progress
from insource.store.spool import SUFFIX
from insource.types import Call

_BATCH_BYTES = 4 << 20
_RECORD_BYTES = 64 << 10


@dataclass
class DrainReport:
    """What a drain found.

    ``stored`` calls are new in the store, ``interrupted`` among them those whose process ended first;
    ``under_way`` have not ended yet. ``corrupt`` counts damaged stretches and records without meaning,
    ``orphaned`` ends whose beginning is damaged, ``torn`` dead segments with an unfinished last record.
    """

    stored: int = 0
    interrupted: int = 0
    under_way: int = 0
    corrupt: int = 0
    orphaned: int = 0
    torn: int = 0


def drain(database: Database, directory: Path) -> DrainReport:
    """Move every finished call of every segment into the store, and delete segments that are done.

    Raises:
        InsourceError: ``store-locked`` and the store's other failures; everything then stays in the spool.
    """
    report = DrainReport()
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:  # another process was faster
            continue
        with file:
            _drain_segment(database, path, file, report)
    return report


def _drain_segment(database: Database, path: Path, file: BinaryIO, report: DrainReport) -> None:
    dead = _lock(file)
    at_end = False
    while not at_end:
        with database.write() as connection:
            if os.fstat(file.fileno()).st_nlink == 0:
                return
            at_end = _drain_batch(connection, path.name, file, dead, report)
    if dead:
        # All is committed: whatever is cut short from here on costs at most a stale row of progress.
        with database.write() as connection:
            path.unlink(missing_ok=True)
            forget(connection, path.name)


def _lock(file: BinaryIO) -> bool:
    """Whether the segment's process is gone: only then can its lock be had."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _drain_batch(connection: Connection, name: str, file: BinaryIO, dead: bool, report: DrainReport) -> bool:
    """One batch inside one transaction. True when the segment has nothing more to read."""
    before = progress(connection, name)
    found, at_end = _scan_from(file, before.position, dead)
    open_calls = dict(before.open_calls)
    begins: dict[str, dict[str, Any]] = {}
    calls: list[Call] = []
    for record in found.records:
        kind, call_id = record.fields.get("kind"), record.fields.get("call_id", "")
        if kind == "begin":
            open_calls[call_id] = before.position + record.start
            begins[call_id] = record.fields
        elif kind == "end" and call_id in open_calls:
            begin = begins.pop(call_id, None) or _begin_at(file, open_calls[call_id])
            del open_calls[call_id]
            _add(calls, begin, record.fields, report)
        elif kind == "end":
            report.orphaned += 1
    report.corrupt += found.corrupt
    if at_end:
        report.torn += found.torn
        if dead:
            _add_interrupted(calls, file, open_calls, report)
            open_calls = {}
        report.under_way += len(open_calls)
    report.stored += insert_calls(connection, calls)
    after = Progress(position=before.position + found.consumed, open_calls=open_calls)
    if after != before:
        record_progress(connection, name, after)
    return at_end


def _scan_from(file: BinaryIO, position: int, dead: bool) -> tuple[Scan, bool]:
    """The next batch of whole records, and whether it reaches the end of the file."""
    size = _BATCH_BYTES
    while True:
        data = os.pread(file.fileno(), size, position)
        at_end = len(data) < size
        found = scan(data, closed=dead and at_end)
        if found.consumed or at_end:
            return found, at_end
        size *= 2  # one record is longer than the batch


def _begin_at(file: BinaryIO, position: int) -> dict[str, Any]:
    """The fields of a record known to be there; none when it has been damaged since."""
    size = _RECORD_BYTES
    while True:
        data = os.pread(file.fileno(), size, position)
        record = record_at(data, 0)
        if record is not None or len(data) < size:
            return {} if record is None else record.fields
        size *= 2


def _add(calls: list[Call], begin: dict[str, Any], end: dict[str, Any], report: DrainReport) -> None:
    fields = {name: value for name, value in (begin | end).items() if name != "kind"}
    try:
        calls.append(Call(**fields | {"started_at": from_microseconds(fields["started_at"])}))
    except (KeyError, TypeError, ValidationError):
        report.corrupt += 1


def _add_interrupted(
    calls: list[Call], file: BinaryIO, open_calls: dict[str, int], report: DrainReport
) -> None:
    """Calls that will never end, each with the pieces of its answer that were written."""
    texts: dict[str, list[str]] = {call_id: [] for call_id in open_calls}
    begins: dict[str, dict[str, Any]] = {}
    for record in _records_since(file, min(open_calls.values(), default=None)):
        call_id = record.fields.get("call_id", "")
        if call_id in texts and record.fields["kind"] == "begin":
            begins[call_id] = record.fields
        elif call_id in texts and record.fields["kind"] == "chunk":
            texts[call_id].append(record.fields["text"])
    before = len(calls)
    for call_id, begin in begins.items():
        end = {
            "outcome": "interrupted",
            "response_text": "".join(texts[call_id]),
            "error": "the recording process ended before the call did",
        }
        _add(calls, begin, end, report)
    report.interrupted += len(calls) - before


def _records_since(file: BinaryIO, position: int | None) -> Iterator[Record]:
    at_end = position is None
    reached = position or 0
    while not at_end:
        found, at_end = _scan_from(file, reached, dead=True)
        yield from found.records
        reached += found.consumed
