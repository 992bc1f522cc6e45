"""Durable writes: a file is written completely or not at all, and survives a power cut.

rename(2) is atomic. A new name is durable only after fsync(2) of its folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO


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
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[TextIO]:
    """Open a text file that replaces ``path`` when the block succeeds and is deleted when it raises.

    A reader sees the old file or the new one, never a part of it. Line endings are written as given.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            sync(file)
        partial.chmod(mode)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_text(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace the content of ``path`` with ``text`` atomically."""
    with replacing(path, mode=mode) as file:
        file.write(text)


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
