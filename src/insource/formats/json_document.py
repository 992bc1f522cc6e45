"""Split a JSON document into its records while it is read, without holding the document in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from insource.formats.values import BadRecord

Piece = tuple[int, bytes | BadRecord]

_CHUNK_BYTES = 1 << 20
# A string (group 1 is its closing quote; without it, the string continues past the buffer), or a bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:(")|\\?\Z)|[\[\]{}]', re.DOTALL)
_BETWEEN = b" \t\r\n,"


def pieces(file: BinaryIO, max_bytes: int) -> Iterator[Piece]:
    """Yield the elements of a list of objects, or consecutive objects, each with its first line.

    Brackets are counted, not parsed: an element of invalid JSON does not end the document as long as its
    brackets and quotes are balanced. An element longer than ``max_bytes`` is skipped and reported.
    """
    return _Cutter(file, max_bytes).pieces()


class _Cutter:
    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._buffer = b""
        self._at = 0  # everything before it has been scanned
        self._rest = 0  # the start of the current element, or of the gap between two elements
        self._line = 1  # the line of ``_rest``
        self._depth = 0
        self._base = 0  # the nesting depth of the elements: 1 in a list
        self._inside = False
        self._passed_over_lines: int | None = (
            None  # lines of the current element if it is too long to keep, else None
        )

    def pieces(self) -> Iterator[Piece]:
        at_end = False
        while not at_end:
            chunk = self._file.read(max(_CHUNK_BYTES, len(self._buffer) - self._rest))
            at_end = not chunk
            if not self._buffer:
                self._base = int(chunk.lstrip()[:1] == b"[")
            self._drop_what_is_done()
            self._buffer += chunk
            yield from self._scan(at_end)
            if len(self._buffer) - self._at > self._max_bytes:  # a single string, perhaps an unclosed quote
                yield self._line, BadRecord(f"longer than {self._max_bytes >> 20} MB; the rest is not read")
                return
        if self._inside:
            yield self._line, BadRecord("the file ends inside this record")
        else:
            yield from self._between(len(self._buffer), b"]" if self._base else b"")

    def _drop_what_is_done(self) -> None:
        if self._passed_over_lines is not None or (self._inside and self._at - self._rest > self._max_bytes):
            passed = self._buffer.count(b"\n", self._rest, self._at)
            self._passed_over_lines = (self._passed_over_lines or 0) + passed
            self._rest = self._at
        self._buffer = self._buffer[self._rest :]
        self._at -= self._rest
        self._rest = 0

    def _scan(self, at_end: bool) -> Iterator[Piece]:
        for token in _TOKEN.finditer(self._buffer, self._at):
            sign = token[0][:1]
            if sign == b'"':
                if token[1] is None and not at_end:
                    self._at = token.start()
                    return
            elif sign in b"{[":
                if self._depth == self._base and not self._inside:
                    yield from self._between(token.start(), b"[" if self._base else b"")
                    self._inside = True
                self._depth += 1
            else:
                self._depth = max(self._depth - 1, 0)
                if self._depth == self._base and self._inside:
                    yield self._element(token.end())
        self._at = len(self._buffer)

    def _element(self, end: int) -> Piece:
        line, data = self._line, self._buffer[self._rest : end]
        too_long, lines = self._passed_over_lines is not None, self._passed_over_lines or 0
        self._line += lines + data.count(b"\n")
        self._rest, self._inside, self._passed_over_lines = end, False, None
        return line, BadRecord(f"longer than {self._max_bytes >> 20} MB") if too_long else data

    def _between(self, end: int, bracket: bytes) -> Iterator[Piece]:
        """Advance to ``end``; report what lies before it when it is more than a separator."""
        gap = self._buffer[self._rest : end]
        line = self._line
        self._line += gap.count(b"\n")
        self._rest = end
        if gap.strip(_BETWEEN + bracket):
            yield line, BadRecord("not an object")
