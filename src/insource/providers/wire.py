"""From the bytes on the wire to documents: decompression and server-sent events."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZLIB_OR_GZIP = 47  # zlib's window bits for "either header"
_RAW_DEFLATE = -15

_LINE_END = re.compile(rb"\r\n|\r|\n")


class Decompressor(Protocol):
    """Decompresses up to ``max_bytes`` in all: what was decompressed stays small however well it was packed.

    Raises:
        Exception: from ``feed``, whatever the library's is, for what is not of this encoding.
        OverflowError: from ``feed``, beyond ``max_bytes``.
    """

    def feed(self, data: bytes) -> bytes: ...


def decompressor(encoding: str, max_bytes: int) -> Decompressor | None:
    """What reads a ``content-encoding``; None for one that nothing here reads.

    gzip, deflate, br and zstd: what browsers and the providers' clients ask for.
    """
    kinds: dict[str, Callable[[int], Decompressor]] = {
        "gzip": Inflater,
        "x-gzip": Inflater,
        "deflate": Inflater,
        "br": Brotli,
        "zstd": Zstandard,
    }
    return kinds[encoding](max_bytes) if encoding in kinds else None


class Brotli:
    """``br`` (RFC 7932)."""

    def __init__(self, max_bytes: int) -> None:
        self._stream: Any = brotli.Decompressor()
        self._room = max_bytes

    def feed(self, data: bytes) -> bytes:
        found = []
        while True:
            piece = self._stream.process(data, output_buffer_limit=self._room + 1)
            self._room -= len(piece)
            if self._room < 0:
                raise OverflowError
            found.append(piece)
            if self._stream.is_finished() or self._stream.can_accept_more_data():
                return b"".join(found)
            data = b""


class Zstandard:
    """``zstd`` (RFC 8878), frames one after another too."""

    def __init__(self, max_bytes: int) -> None:
        self._frame = zstd.ZstdDecompressor()
        self._room = max_bytes

    def feed(self, data: bytes) -> bytes:
        found: list[bytes] = []
        while True:
            if self._frame.eof:
                data = self._frame.unused_data + data
                if not data:
                    return b"".join(found)
                self._frame = zstd.ZstdDecompressor()
            piece = self._frame.decompress(data, max_length=self._room + 1)
            self._room -= len(piece)
            if self._room < 0:
                raise OverflowError
            found.append(piece)
            if not self._frame.eof and self._frame.needs_input:
                return b"".join(found)
            data = b""


class Inflater:
    """gzip and deflate, members one after another too; and deflate without its header, as some send it."""

    _HEADER_BYTES = 2  # what zlib has to see to know

    def __init__(self, max_bytes: int) -> None:
        self._member = zlib.decompressobj(_ZLIB_OR_GZIP)
        self._start: bytes | None = b""  # until it is known which it is
        self._room = max_bytes

    def feed(self, data: bytes) -> bytes:
        if self._start is not None:
            data = self._start + data
            self._start = data if len(data) < self._HEADER_BYTES else None
            if self._start is not None:
                return b""
            self._recognise(data)
        found = []
        while data:
            piece = self._member.decompress(data, self._room + 1)
            self._room -= len(piece)
            if self._room < 0:
                raise OverflowError
            found.append(piece)
            data = self._member.unused_data
            if self._member.eof:
                self._member = zlib.decompressobj(_ZLIB_OR_GZIP)
        return b"".join(found)

    def _recognise(self, data: bytes) -> None:
        try:
            zlib.decompressobj(_ZLIB_OR_GZIP).decompress(data[: self._HEADER_BYTES])
        except zlib.error:
            self._member = zlib.decompressobj(_RAW_DEFLATE)


class EventLines:
    """Server-sent events (WHATWG HTML, section 9.2): ``feed`` gives the data of every event that is whole."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the line under way
        self._data: list[bytes] = []  # the event under way

    def feed(self, data: bytes) -> list[bytes]:
        if b"\n" not in data and b"\r" not in data:
            self._rest.append(data)
            return []
        if self._rest:
            data = b"".join([*self._rest, data])
            self._rest.clear()
        if b"\r" in data:
            data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")  # half of a line end?
            lines = _LINE_END.split(data)
            lines[-1] += held
        else:
            lines = data.split(b"\n")
        if last := lines.pop():
            self._rest.append(last)
        return self._events(lines)

    def close(self) -> list[bytes]:
        """The event that the end of the stream leaves under way, if any."""
        lines = _LINE_END.split(b"".join(self._rest))
        self._rest.clear()
        return self._events([*lines, b""])

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif not line and self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
        return events
