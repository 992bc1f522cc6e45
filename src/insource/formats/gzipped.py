"""A gzip reader that returns everything before a damage: a truncated file keeps its records up to the cut."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC = b"\x1f\x8b"

_CHUNK_BYTES = 1 << 16
_AT_ONCE_BYTES = 1 << 13  # the output of the zlib call that meets the damage is lost, so keep it small
_GZIP_HEADER = 31  # zlib's window bits for gzip


class Gunzip(io.RawIOBase):
    """The unpacked bytes of a gzip file with one or more members. ``failure`` says why reading stopped early.

    The standard library's reader raises at the damage and discards the bytes before it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._restart()

    def _restart(self) -> None:
        self.failure = ""
        self._file.seek(0)
        self._unpack = zlib.decompressobj(_GZIP_HEADER)
        self._packed = b""
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek forward by reading on, and backward by starting again."""
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if target < self._position:
            self._restart()
        while self._position < target and self.read(min(_CHUNK_BYTES, target - self._position)):
            pass
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._next(len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _next(self, size: int) -> bytes:
        while not self.failure:
            if not self._packed:
                self._packed = self._file.read(_CHUNK_BYTES)
            if self._unpack.eof:
                if not self._packed.startswith(MAGIC[: max(len(self._packed), 1)]):
                    return b""  # the end of the file, or padding after the last member
                self._unpack = zlib.decompressobj(_GZIP_HEADER)
            elif not self._packed:
                self.failure = "the end-of-stream marker is missing"
                break
            try:
                data = self._unpack.decompress(self._packed, min(size, _AT_ONCE_BYTES))
            except zlib.error as error:
                self.failure = str(error)
                break
            self._packed = self._unpack.unconsumed_tail or self._unpack.unused_data
            if data:
                return data
        return b""
