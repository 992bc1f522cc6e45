"""Weights in safetensors files, read tensor by tensor without PyTorch.

numpy has no bfloat16, so such a tensor is an array of its 16-bit patterns. Source: the format of safetensors
(8 bytes with the header's length, a JSON header, the data).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from insource.foundation.errors import UserError

# Type in the file → numpy type that holds its bits.
TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
MAX_HEADER_BYTES = 100_000_000


class Tensor(NamedTuple):
    """One tensor in a file: ``kind`` is F32, F16 or BF16, ``begin`` its first byte."""

    name: str
    kind: str
    shape: tuple[int, ...]
    path: Path
    begin: int

    def read(self) -> npt.NDArray[Any]:
        """Return the values in ``shape``; BF16 as their 16-bit patterns."""
        values: npt.NDArray[Any] = np.memmap(self.path, TYPES[self.kind], "r", self.begin, self.shape or (1,))
        return values


def float32(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the values as float32; 16-bit patterns are read as bfloat16."""
    if values.dtype == np.uint16:
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


def tensors(folder: Path) -> Mapping[str, Tensor]:
    """Return every tensor of the folder's safetensors files, by name, sorted.

    Raises:
        UserError: ``model-unreadable`` for a file that is cut short or damaged, or a type other than float.
    """
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        for tensor in _in_file(path):
            found[tensor.name] = tensor
    return dict(sorted(found.items()))


def _in_file(path: Path) -> Iterator[Tensor]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
            raise _unreadable(path, "its header does not fit into the file")
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
            for name, entry in entries.items():
                yield _tensor(path, size, 8 + length, name, entry)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unreadable(path, f"its header is damaged ({error})") from error


def _tensor(path: Path, size: int, data: int, name: str, entry: dict[str, Any]) -> Tensor:
    kind, shape = entry["dtype"], tuple(int(width) for width in entry["shape"])
    if kind not in TYPES:
        raise _unreadable(path, f"`{name}` has the type {kind}; only F32, F16 and BF16 can be converted")
    begin, end = (data + int(offset) for offset in entry["data_offsets"])
    if min(shape, default=1) < 0 or end - begin != math.prod(shape) * TYPES[kind].itemsize or end > size:
        raise _unreadable(path, f"`{name}` does not lie within the file")
    return Tensor(name, kind, shape, path, begin)


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        "model-unreadable",
        f"The weights {path} cannot be read: {reason}.",
        hint="Fetch the file again, or choose another model with training.model.",
    )
