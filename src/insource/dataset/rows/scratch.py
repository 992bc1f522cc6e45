"""Give a process a temporary folder, and remove folders that killed processes left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from insource.foundation.errors import DataError
from insource.foundation.files import is_alive

_PREFIX = ".scratch-"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Open a new folder under ``parent``, on the same file system, gone after the block.

    Raises:
        DataError: ``dataset-not-written``.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f"{_PREFIX}*"):
            pid = left.name.removeprefix(_PREFIX).partition("-")[0]
            if not (pid.isdecimal() and is_alive(int(pid))):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{_PREFIX}{os.getpid()}-"))
    except OSError as error:
        raise unwritable(parent, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> DataError:
    """Return what is said when rows cannot be written, finished or while they are worked on."""
    return DataError(
        "dataset-not-written",
        f"The dataset cannot be written to {path}: {error.strerror or error}.",
        hint="Free some space there, about twice what the source takes, or check the permissions, then run "
        "the same command again.",
    )
