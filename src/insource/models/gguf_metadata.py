"""Values in the metadata of a GGUF file.

The reader of the ``gguf`` package takes seconds and 200 MB for a vocabulary, and only training installs it.
Source: the GGUF specification, version 3, in the repository ggml-org/ggml.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

# The struct format of a scalar by its type in the file.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, LIST = 8, 9


def read_values(gguf: Path, *keys: str) -> dict[str, Any]:
    """Return the values of these keys; a key that the file does not have is absent.

    Raises:
        ValueError: the file is not little-endian GGUF of version 2 or 3, is cut short or is damaged.
    """
    found: dict[str, Any] = {}
    try:
        with gguf.open("rb") as file:
            magic, version, _, entries = struct.unpack("<4sIQQ", file.read(24))
            if magic != b"GGUF" or version not in (2, 3):
                raise ValueError("it is not a GGUF file of version 2 or 3")
            for _ in range(entries):
                key = _string(file)
                value = _value(file, _scalar(file, "I"))
                if key in keys:
                    found[key] = value
    except struct.error as error:
        raise ValueError("it is cut short") from error
    except (
        KeyError,
        MemoryError,
        OverflowError,
    ) as error:  # a type that there is not, a length beyond reason
        raise ValueError("its metadata are damaged") from error
    return found


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind != LIST:
        return _scalar(file, SCALARS[kind])
    kind, count = _scalar(file, "I"), _scalar(file, "Q")
    if kind in SCALARS:
        form = f"<{count}{SCALARS[kind]}"
        return list(struct.unpack(form, file.read(struct.calcsize(form))))
    return [_value(file, kind) for _ in range(count)]


def _string(file: BinaryIO) -> str:
    return file.read(_scalar(file, "Q")).decode(errors="replace")


def _scalar(file: BinaryIO, form: str) -> Any:
    form = f"<{form}"
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
