"""The call spool: an append-only journal that has every record before the caller gets the answer.

Each process has its own segment file, locked while the process lives. ``drain`` can take the lock of an ended
process, and so tells the two apart. A record is written with a plain ``write`` and survives the death of the
process at once. ``fsync`` follows in groups, so a power cut costs at most one interval.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from insource.foundation.errors import PrerequisiteError
from insource.foundation.files import sync, sync_folder
from insource.store.spool.frames import encode

SUFFIX = ".seg"
RESERVE = "reserve"

OnLogFailure = Literal["pass", "refuse"]


@dataclass(eq=False)
class _Segment:
    path: Path
    fd: int
    size: int = 0
    dirty: bool = False
    open_calls: set[str] = field(default_factory=set)


class Spool:
    """The spool writer of one process. Thread-safe.

    When a record cannot be written, a preallocated reserve is released first. If that does not help,
    ``on_log_failure`` decides: ``"pass"`` continues the call unrecorded and counts it in ``lost``;
    ``"refuse"`` raises ``spool-unwritable``. With ``"refuse"``, no call begins while the reserve is missing,
    so that the remaining space is left for calls that have begun. ``sync_failures`` counts failed group
    commits.

    Raises:
        PrerequisiteError: ``spool-unwritable`` when the folder is not writable.
    """

    def __init__(
        self,
        directory: Path,
        *,
        on_log_failure: OnLogFailure = "pass",
        fsync_interval_s: float = 0.05,
        segment_bytes: int = 64 << 20,
        reserve_bytes: int = 4 << 20,
    ) -> None:
        self.directory = directory
        self.lost = 0
        self.sync_failures = 0
        self._refuse = on_log_failure == "refuse"
        self._fsync_interval_s = fsync_interval_s
        self._segment_bytes = segment_bytes
        self._reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._segments: list[_Segment] = []
        self._current: _Segment | None = None
        self._calls: dict[str, _Segment] = {}
        self._closed = threading.Event()
        self._dirty = threading.Event()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.keep_reserve()
            self._current = self._new_segment()
        except OSError as error:
            raise _unwritable(directory, error) from error
        self._syncer = threading.Thread(target=self._sync_in_groups, name="insource-spool-fsync", daemon=True)
        self._syncer.start()

    def begin(self, call_id: str, fields: dict[str, Any], content: bytes = b"") -> bool:
        """Record the start of a call. Return False when it could not be written and continues unrecorded.

        ``content`` is a JSON object with further fields; here and in ``end`` it is written unchanged.

        Raises:
            PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``.
        """
        with self._lock:
            try:
                if self._refuse:
                    self.keep_reserve()
                segment = self._segment_for_a_new_call()
                record = encode({"kind": "begin", "call_id": call_id, **fields}, content)
                self._append(segment, record, new=True)
            except OSError as error:
                return self._failed(error)
            segment.open_calls.add(call_id)
            self._calls[call_id] = segment
        return True

    def chunk(self, call_id: str, text: str) -> None:
        """Record a piece of a streamed answer.

        It is needed only if the call never ends, so a failed write does not count as a lost call.
        """
        with self._lock:
            segment = self._calls.get(call_id)
            if segment is not None:
                with contextlib.suppress(OSError):
                    self._append(segment, encode({"kind": "chunk", "call_id": call_id, "text": text}))

    def end(self, call_id: str, fields: dict[str, Any], content: bytes = b"") -> bool:
        """Record the end of a call. Return False when nothing was written, as for a call that is not open.

        Raises:
            PrerequisiteError: ``spool-unwritable`` with ``on_log_failure="refuse"``.
        """
        with self._lock:
            segment = self._calls.pop(call_id, None)
            if segment is None:
                return False
            segment.open_calls.discard(call_id)
            try:
                self._append(segment, encode({"kind": "end", "call_id": call_id, **fields}, content))
            except OSError as error:
                return self._failed(error)
        return True

    def sync(self) -> None:
        """Flush everything written so far to the disk.

        Raises:
            PrerequisiteError: ``spool-unwritable`` when the flush fails.
        """
        with self._sync_lock:  # no segment is closed while its descriptor is in use here
            with self._lock:
                self._dirty.clear()
                dirty = [segment for segment in self._segments if segment.dirty]
                for segment in dirty:
                    segment.dirty = False
            for segment in dirty:
                try:
                    sync(segment.fd)
                except OSError as error:
                    raise _unwritable(self.directory, error) from error
            with self._lock:
                for segment in list(self._segments):
                    self._retire(segment)

    def close(self) -> None:
        """Sync, then release every lock. Calls that are still open will be drained as interrupted."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._dirty.set()
        self._syncer.join()
        try:
            self.sync()
        finally:
            with self._lock:
                for segment in self._segments:
                    os.close(segment.fd)
                self._segments.clear()
                self._calls.clear()
                self._current = None

    def leave_to_the_parent(self) -> None:
        """Close the segments in a forked child; their locks belong to the parent.

        Locks that another thread held during the fork are never released in the child, so new ones replace
        them.
        """
        self._closed.set()
        self._lock, self._sync_lock = threading.Lock(), threading.Lock()
        for segment in self._segments:
            os.close(segment.fd)  # the parent's own descriptor keeps the lock
        self._segments, self._calls, self._current = [], {}, None

    def _segment_for_a_new_call(self) -> _Segment:
        current = self._current
        if current is None:
            raise OSError(errno.EBADF, "the spool is closed")
        if _deleted(current.fd):
            self._current = current = self._new_segment()
        elif current.size >= self._segment_bytes:
            with contextlib.suppress(OSError):  # if that fails, the old segment is used further
                self._current = current = self._new_segment()
        return current

    def _retire(self, segment: _Segment) -> None:
        """Close a full segment once its last call has ended and its bytes are on the disk."""
        if segment is not self._current and not segment.open_calls and not segment.dirty:
            self._segments.remove(segment)
            os.close(segment.fd)

    def _new_segment(self) -> _Segment:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self.directory / f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _still_there(path, fd):  # a drain deletes an empty segment that is not locked yet
                break
            os.close(fd)
        sync_folder(self.directory)
        segment = _Segment(path, fd)
        self._segments.append(segment)
        return segment

    def _append(self, segment: _Segment, record: bytes, *, new: bool = False) -> None:
        try:
            self._write(segment, record)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if not full or (new and self._refuse) or not self._release_reserve():
                raise
            self._write(segment, record)
        segment.size += len(record)
        segment.dirty = True
        if not self._dirty.is_set():  # setting it takes a lock, and it is usually set
            self._dirty.set()

    def _write(self, segment: _Segment, record: bytes) -> None:
        if _deleted(segment.fd):
            raise OSError(errno.ENOENT, "the segment was deleted")
        rest = memoryview(record)
        try:
            while rest:
                rest = rest[os.write(segment.fd, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(segment.fd, segment.size)  # remove a partial record
            raise

    def _failed(self, error: OSError) -> bool:
        self.lost += 1
        if self._refuse:
            raise _unwritable(self.directory, error) from error
        return False

    def keep_reserve(self) -> None:
        """Preallocate the reserve if it is missing; with ``refuse``, raise ``OSError`` when there is no
        space.
        """
        path = self.directory / RESERVE
        if path.exists():
            return
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(fd, 0, self._reserve_bytes)
        except OSError:
            path.unlink(missing_ok=True)
            if self._refuse:
                raise
        finally:
            os.close(fd)

    def _release_reserve(self) -> bool:
        try:
            (self.directory / RESERVE).unlink()
        except OSError:
            return False
        return True

    def _sync_in_groups(self) -> None:
        while not self._closed.is_set():
            self._dirty.wait()
            self._closed.wait(self._fsync_interval_s)
            try:
                self.sync()
            except PrerequisiteError:  # there is no caller to report it to
                self.sync_failures += 1


def _deleted(fd: int) -> bool:
    """Whether the file was deleted; anything written to it then is lost with the process."""
    return os.fstat(fd).st_nlink == 0


def _still_there(path: Path, fd: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def _unwritable(directory: Path, error: OSError) -> PrerequisiteError:
    return PrerequisiteError(
        "spool-unwritable",
        f"The call log cannot be written in {directory}: {error.strerror or error}.",
        hint=f"Free some space or allow writing there (df -h {directory}), then run the command again.",
    )
