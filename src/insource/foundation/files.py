"""Durable writes: what is written here survives a power cut.

``replacing`` replaces a file completely or not at all. The other functions write what a later rename makes
visible. rename(2) is atomic; a new name is durable only after fsync(2) of its folder.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

_PARTIAL = ".partial"
# Some network and FUSE file systems cannot synchronise a folder, or do not let everybody open it.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})


def sync(file: IO[Any] | int) -> None:
    """Flush an open file or descriptor to the disk."""
    if not isinstance(file, int):
        file.flush()
        file = file.fileno()
    os.fsync(file)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and flush it to the disk before anything refers to it."""
    with path.open("wb") as file:
        file.write(content)
        sync(file)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON and flush it to the disk before anything refers to it."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    write_synced(path, f"{text}\n".encode())


@contextmanager
def replacing(path: Path, *, mode: int | None = None) -> Iterator[TextIO]:
    """Open a text file that takes the name ``path`` when the block ends well, and is removed otherwise.

    A reader sees the old file or the new one, never a part of it. Line ends are written as given. ``mode`` is
    the file's permissions; by default they follow from the process's umask, as for any new file.
    """
    _remove_partials(path)
    partial = path.with_name(f"{_partial_prefix(path)}{os.getpid()}-{secrets.token_hex(4)}{_PARTIAL}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            sync(file)
        if mode is not None:
            partial.chmod(mode)  # the umask may have taken bits away
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    try:
        sync_folder(path.parent)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:  # the file has its name; only a power cut could undo that
            raise


def replace_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Write ``text`` under the name ``path`` as ``replacing`` does."""
    with replacing(path, mode=mode) as file:
        file.write(text)


def is_alive(pid: int) -> bool:
    """Return whether a process with this number runs, of whatever user."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _partial_prefix(path: Path) -> str:
    return f".{path.name}."


def _remove_partials(path: Path) -> None:
    """Remove what killed processes left of their writes to ``path``."""
    prefix = _partial_prefix(path)
    for left in path.parent.glob(f"{glob.escape(prefix)}*{_PARTIAL}"):
        pid = left.name.removeprefix(prefix).partition("-")[0]
        if pid.isdecimal() and not is_alive(int(pid)):
            left.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on the file ``path`` while the block runs.

    The kernel releases the lock when the process dies.

    Raises:
        BlockingIOError: another process holds the lock and ``wait`` is false.
    """
    with path.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
