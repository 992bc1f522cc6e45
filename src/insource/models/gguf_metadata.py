"""The header of a GGUF file, read with every length checked against the file.

The engine is native code: a header that lies about a size, an offset or a count must not reach it. The
reader of the ``gguf`` package takes seconds and 200 MB for a vocabulary, and only training installs it.
Source: the GGUF specification, version 3, in the repository ggml-org/ggml.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.errors import IntegrityError, UserError

# The struct format of a scalar by its type in the file.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, LIST = 8, 9
# Weights of one block and its bytes, by the type of a tensor.
# fmt: off
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82),
    23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2),
    34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18),
}
# fmt: on
ALIGNMENT, ARCHITECTURE = "general.alignment", "general.architecture"
MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_DIMENSIONS = 65_535, 63, 4  # what llama.cpp can hold


class TensorInfo(NamedTuple):
    """One tensor: its widths in GGUF's order (fastest first), type, and place in the data."""

    shape: tuple[int, ...]
    kind: int
    offset: int

    @property
    def size(self) -> int:
        """The bytes of its data."""
        weights, size = BLOCKS[self.kind]
        return math.prod(self.shape) // weights * size


class Header(NamedTuple):
    """The metadata that were asked for, and every tensor by name."""

    values: dict[str, Any]
    tensors: dict[str, TensorInfo]


def read_values(gguf: Path, *keys: str) -> dict[str, Any]:
    """Return the values of these keys; a key that the file does not have is absent.

    Raises:
        ValueError: the file is not little-endian GGUF of version 2 or 3, is cut short or is damaged.
    """
    return read_header(gguf, keys).values


def read_header(gguf: Path, keys: Collection[str] = ()) -> Header:
    """Return the values of these keys and all tensors. Every length, count and offset is checked.

    Raises:
        ValueError: as ``read_values``, with the reason.
    """
    with gguf.open("rb") as file:
        if not file.seek(0, 2):
            raise ValueError("it is cut short")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header({*keys, ALIGNMENT}, keys)


def require_sound(gguf: Path) -> None:
    """Check a GGUF file before the engine reads it.

    Raises:
        UserError: ``model-unreadable``, with the reason.
    """
    try:
        found = gguf.stat()
        _checked(gguf, found.st_size, found.st_mtime_ns)
    except ValueError as error:
        raise UserError(
            "model-unreadable",
            f"The model file {gguf} cannot be read: {error}.",
            hint="Fetch the file again, or choose another model with training.model.",
        ) from error


def require_fit(adapter: Path, base: Path) -> None:
    """Check that every layer of a GGUF adapter is in the base model, with its widths.

    Raises:
        UserError: ``model-unreadable``, as ``require_sound``.
        IntegrityError: ``adapter-of-another-base``, naming the first layer that does not fit.
    """
    for path in (adapter, base):
        require_sound(path)
    theirs, ours = read_header(adapter, [ARCHITECTURE]), read_header(base, [ARCHITECTURE])
    reason = ""
    if theirs.values != ours.values:
        reason = (
            f"it is for {theirs.values.get(ARCHITECTURE)}, the base model is {ours.values.get(ARCHITECTURE)}"
        )
    for name, tensor in theirs.tensors.items():
        layer, _, side = name.rpartition(".")
        if reason or side not in ("lora_a", "lora_b"):
            continue
        place = 0 if side == "lora_a" else 1  # the width of the input, or of the output
        if layer not in ours.tensors:
            reason = f"the base model has no layer `{layer}`"
        elif tensor.shape[place] != ours.tensors[layer].shape[place]:
            widths = tensor.shape[place], ours.tensors[layer].shape[place]
            reason = f"`{layer}` is {widths[0]} wide in the adapter and {widths[1]} in the base model"
    if reason:
        raise IntegrityError(
            "adapter-of-another-base",
            f"The adapter {adapter.name} was trained on another base model than {base.name}: {reason}.",
            hint="Serve it on the base model it was trained on, or train again: insource train",
        )


@lru_cache(maxsize=32)
def _checked(gguf: Path, size: int, changed: int) -> None:
    """Read the whole header, once while the file does not change."""
    read_header(gguf)


class _Reader:
    """A position in a file's bytes; nothing is read beyond its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self._at, self._end = data, 0, len(data)

    def header(self, sought: Collection[str], keys: Collection[str]) -> Header:
        magic, version = self._take("4sI")
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError("it is not a GGUF file of version 2 or 3")
        tensors, entries = self._take("QQ")
        values = self._values(entries, sought)
        found = self._tensors(tensors, values.get(ALIGNMENT, 32))
        return Header({key: value for key, value in values.items() if key in keys}, found)

    def _values(self, entries: int, sought: Collection[str]) -> dict[str, Any]:
        self._room(entries, 13, "metadata")  # a key's length, a type, one byte
        seen, found = set(), {}
        for _ in range(entries):
            key = self._text(MAX_KEY_BYTES)
            if key in seen:
                raise ValueError(f"its metadata have {key!r} twice")
            seen.add(key)
            (kind,) = self._take("I")
            value = self._value(kind, wanted=key in sought)
            if key in sought:
                found[key] = value
        return found

    def _tensors(self, count: int, alignment: Any) -> dict[str, TensorInfo]:
        self._room(count, 32, "tensors")  # a name's length, dimensions, one width, a type, an offset
        if not isinstance(alignment, int) or alignment < 8 or alignment & (alignment - 1):
            raise ValueError(f"its alignment is {alignment!r}")
        found: dict[str, TensorInfo] = {}
        for _ in range(count):
            name = self._text(MAX_NAME_BYTES)
            if name in found or not name.isprintable() or not name:
                raise ValueError(f"it names a tensor {name!r}{' twice' if name in found else ''}")
            (dimensions,) = self._take("I")
            if not 0 < dimensions <= MAX_DIMENSIONS:
                raise ValueError(f"the tensor {name} has {dimensions} dimensions")
            shape = self._take(f"{dimensions}Q")
            kind, offset = self._take("IQ")
            if kind not in BLOCKS or 0 in shape or shape[0] % BLOCKS[kind][0]:
                raise ValueError(f"the tensor {name} has the type {kind} and the shape {shape}")
            found[name] = TensorInfo(shape, kind, offset)
        room = self._end - -(-self._at // alignment) * alignment
        for name, tensor in found.items():
            if tensor.offset % alignment or tensor.offset + tensor.size > room:
                raise ValueError(f"the data of the tensor {name} do not lie within the file")
        return found

    def _value(self, kind: int, *, wanted: bool) -> Any:
        if kind == STRING:
            return self._text()
        if kind in SCALARS:
            return self._take(SCALARS[kind])[0]
        if kind != LIST:
            raise ValueError("its metadata are damaged")
        kind, count = self._take("IQ")
        if kind in SCALARS:
            width = struct.calcsize(SCALARS[kind])
            self._room(count, width, "values")
            if not wanted:
                self._at += count * width
                return None
            return list(self._take(f"{count}{SCALARS[kind]}"))
        if kind != STRING:  # llama.cpp has no lists of lists
            raise ValueError("its metadata are damaged")
        self._room(count, 8, "values")
        found = [self._text() for _ in range(count)]
        return found if wanted else None

    def _text(self, most: int | None = None) -> str:
        (length,) = self._take("Q")
        if most is not None and length > most:
            raise ValueError(f"it has a name of {length} bytes")
        self._room(length, 1, "bytes of text")
        self._at += length
        return self._data[self._at - length : self._at].decode(errors="replace")

    def _take(self, form: str) -> tuple[Any, ...]:
        form = f"<{form}"
        size = struct.calcsize(form)
        if size > self._end - self._at:
            raise ValueError("it is cut short")
        self._at += size
        return struct.unpack_from(form, self._data, self._at - size)

    def _room(self, count: int, width: int, what: str) -> None:
        """Check that ``count`` things of at least ``width`` bytes fit into the rest of the file."""
        if count * width > self._end - self._at:
            raise ValueError(f"it is cut short: it says that it has {count} {what}")
