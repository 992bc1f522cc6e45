"""Decompress HTTP bodies and split server-sent events."""

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
    """Decompresses at most ``max_bytes`` in total, so that highly compressed data cannot exhaust the memory.

    Raises:
        Exception: from ``feed``, the library's own, for data that is not in this encoding.
        OverflowError: from ``feed``, beyond ``max_bytes``.
    """

    def feed(self, data: bytes) -> bytes: ...


def decompressor(encoding: str, max_bytes: int) -> Decompressor | None:
    """Return the decompressor for a ``content-encoding``, or None for an unsupported one.

    Supported: gzip, deflate, br and zstd, which browsers and the providers' clients request.
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
    """``zstd`` (RFC 8878), including consecutive frames."""

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
    """gzip and deflate, including consecutive members, and deflate without its header, which some servers
    send.
    """

    _HEADER_BYTES = 2  # zlib recognises the format from these

    def __init__(self, max_bytes: int) -> None:
        self._member = zlib.decompressobj(_ZLIB_OR_GZIP)
        self._start: bytes | None = b""  # the first bytes, until the format is known
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
    """Server-sent events (WHATWG HTML, section 9.2): ``feed`` returns the data of every complete event."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # the incomplete line
        self._data: list[bytes] = []  # the data lines of the incomplete event

    def feed(self, data: bytes) -> list[bytes]:
        if b"\n" not in data and b"\r" not in data:
            self._rest.append(data)
            return []
        if self._rest:
            data = b"".join([*self._rest, data])
            self._rest.clear()
        if b"\r" in data:
            data, held = (data[:-1], b"\r") if data.endswith(b"\r") else (data, b"")  # perhaps half of CRLF
            lines = _LINE_END.split(data)
            lines[-1] += held
        else:
            lines = data.split(b"\n")
        if last := lines.pop():
            self._rest.append(last)
        return self._events(lines)

    def close(self) -> list[bytes]:
        """Return the data of the event that the end of the stream completes, if any."""
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
