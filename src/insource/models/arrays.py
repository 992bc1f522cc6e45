"""Read arrays from a file that may be damaged, or come from elsewhere."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES = 4 << 30
"""What the arrays of one file may take in memory: far more than any fit makes, far less than a zip bomb."""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of an ``.npz`` file by name. Nothing in it is run.

    Raises:
        OSError, EOFError, ValueError, BadZipFile, zlib.error, NotImplementedError: it is missing, damaged,
            holds objects, or would take more than ``MOST_BYTES``.
    """
    with path.open("rb") as file:  # numpy leaves a file open that it cannot read
        with zipfile.ZipFile(file) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"{path.name} would take {size:,} bytes, and at most {MOST_BYTES:,} are read")
        file.seek(0)
        with np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
