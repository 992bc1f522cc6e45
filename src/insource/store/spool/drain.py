"""Move finished calls from the spool into the store, exactly once.

The rows of a batch and the position in its segment are committed in one transaction, so a drain that is
killed at any point neither loses nor repeats a call. Several processes may drain at once.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
from sqlalchemy import Connection

from insource.store.calls.calls import insert_rows
from insource.store.calls.row import StoredRow, UnusableRecords, row_of_records
from insource.store.database import Database
from insource.store.spool.frames import Scan, SpoolRecord, record_at, scan
from insource.store.spool.progress import DrainProgress, forget, progress, record_progress
from insource.store.spool.writer import SUFFIX

_BATCH_BYTES = 8 << 20
_RECORD_BYTES = 64 << 10


class _Head(msgspec.Struct):
    """The fields that identify a record."""

    kind: str = ""
    call_id: str = ""
    text: str = ""


_decode_head = msgspec.json.Decoder(_Head).decode


@dataclass
class DrainReport:
    """The counts of a drain.

    ``stored`` calls are new in the store; ``interrupted`` ones among them were open when their process ended.
    ``under_way`` calls have not ended yet. ``corrupt`` counts damaged ranges and invalid records,
    ``orphaned`` end records without a begin record, and ``torn`` segments of ended processes whose last
    record is incomplete.
    """

    stored: int = 0
    interrupted: int = 0
    under_way: int = 0
    corrupt: int = 0
    orphaned: int = 0
    torn: int = 0

    @property
    def damaged(self) -> int:
        """Everything that could not be read."""
        return self.corrupt + self.orphaned + self.torn


def drain(database: Database, directory: Path) -> DrainReport:
    """Move every finished call of every segment into the store, and delete completed segments.

    Raises:
        InsourceError: ``store-locked`` and the store's other failures; everything then stays in the spool.
    """
    report = DrainReport()
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:  # another process has deleted it
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
        # Everything is committed: an interruption from here on leaves at most a stale row of progress.
        with database.write() as connection:
            if progress(connection, path.name).position < os.fstat(file.fileno()).st_size:
                return  # the store was replaced meanwhile and lacks these calls
            path.unlink(missing_ok=True)
            forget(connection, path.name)


def _lock(file: BinaryIO) -> bool:
    """Whether the segment's process has ended: only then can its lock be taken."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _drain_batch(connection: Connection, name: str, file: BinaryIO, dead: bool, report: DrainReport) -> bool:
    """Drain one batch in one transaction; return whether the end of the segment was reached."""
    before = progress(connection, name)
    found, at_end = _scan_from(file, before.position, dead)
    open_calls = dict(before.open_calls)
    begins: dict[str, bytes] = {}
    rows: list[StoredRow] = []
    for record in found.records:
        try:
            head = _head(record.payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            report.corrupt += 1
            continue
        call_id = head.call_id
        if head.kind == "begin":
            open_calls[call_id] = before.position + record.start
            begins[call_id] = record.payload
        elif head.kind == "end" and call_id in open_calls:
            begin = begins.pop(call_id, None) or _begin_at(file, open_calls[call_id])
            del open_calls[call_id]
            _add(rows, begin, record.payload, report)
        elif head.kind == "end":
            report.orphaned += 1
    report.corrupt += found.corrupt
    if at_end:
        report.torn += found.torn
        if dead:
            _add_interrupted(rows, file, open_calls, report)
            open_calls = {}
        report.under_way += len(open_calls)
    report.stored += insert_rows(connection, rows)
    after = DrainProgress(position=before.position + found.consumed, open_calls=open_calls)
    if after != before:
        record_progress(connection, name, after)
    return at_end


def _scan_from(file: BinaryIO, position: int, dead: bool) -> tuple[Scan, bool]:
    """Return the next batch of whole records, and whether it reaches the end of the file."""
    size = _BATCH_BYTES
    while True:
        data = os.pread(file.fileno(), size, position)
        at_end = len(data) < size
        found = scan(data, closed=dead and at_end)
        if found.consumed or at_end:
            return found, at_end
        size *= 2  # one record is longer than the batch


def _begin_at(file: BinaryIO, position: int) -> bytes:
    """Return the payload of the record at this position; an empty object when it has been damaged since."""
    size = _RECORD_BYTES
    while True:
        data = os.pread(file.fileno(), size, position)
        record = record_at(data, 0)
        if record is not None or len(data) < size:
            return b"{}" if record is None else record.payload
        size *= 2


def _add(rows: list[StoredRow], begin: bytes, end: bytes, report: DrainReport) -> None:
    try:
        rows.append(row_of_records(begin, end))
    except UnusableRecords:
        report.corrupt += 1


def _add_interrupted(
    rows: list[StoredRow], file: BinaryIO, open_calls: dict[str, int], report: DrainReport
) -> None:
    """Add the calls that will never end, each with the streamed text that was recorded."""
    texts: dict[str, list[str]] = {call_id: [] for call_id in open_calls}
    begins: dict[str, bytes] = {}
    for record in _records_since(file, min(open_calls.values(), default=None)):
        try:
            head = _head(record.payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):  # already counted when it was first read
            continue
        if head.call_id in texts and head.kind == "begin":
            begins[head.call_id] = record.payload
        elif head.call_id in texts and head.kind == "chunk":
            texts[head.call_id].append(head.text)
    before = len(rows)
    for call_id, begin in begins.items():
        end = {
            "outcome": "interrupted",
            "response_text": "".join(texts[call_id]),
            "error": "the recording process ended before the call did",
        }
        _add(rows, begin, json.dumps(end).encode(), report)
    report.interrupted += len(rows) - before


def _records_since(file: BinaryIO, position: int | None) -> Iterator[SpoolRecord]:
    at_end = position is None
    reached = position or 0
    while not at_end:
        found, at_end = _scan_from(file, reached, dead=True)
        yield from found.records
        reached += found.consumed


def _head(payload: bytes) -> _Head:
    try:
        return _decode_head(payload)
    except msgspec.DecodeError:  # Python's parser accepts more than strict JSON
        return msgspec.convert(json.loads(payload), _Head)
