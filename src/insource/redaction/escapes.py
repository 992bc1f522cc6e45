r"""JSON inside a text: the text as it reads once its escapes are resolved, and the way back.

Tool arguments are JSON in a JSON string, so a secret may stand behind ``\n`` or be spelled ``\u0073k-…``.
The rules run over the text and over this view of it; what they find is cut out of the text itself.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from insource.redaction.rules import Span, compiled

_ESCAPE = compiled(r"\\+(u[0-9A-Fa-f]{4}|[bfnrt\"'/])")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True)
class View:
    """``data`` without escapes. Piece ``i`` of it starts at ``starts[i]`` and stems from ``origins[i]`` on;
    pieces alternate between text as it was and the character of one escape, whatever the depth."""

    data: bytes
    starts: list[int]
    origins: list[int]
    escapes: list[bool]
    size: int  # of the text it was made from

    def original(self, start: int, end: int) -> Span:
        """The span of the text that reads as this one of the view."""
        return self._start(start), self._end(end)

    def clipped(self, start: int, end: int) -> Span:
        """A span of the text without the part of an escape it begins or ends with: half an escape that
        stayed behind would spoil the JSON."""
        first = bisect_right(self.origins, start) - 1
        if self.escapes[first] and start > self.origins[first]:
            start = self._behind(first)
        last = bisect_right(self.origins, end - 1) - 1
        if self.escapes[last] and end < self._behind(last):
            end = self.origins[last]
        return start, end

    def _start(self, position: int) -> int:
        piece = bisect_right(self.starts, position) - 1
        return self.origins[piece] + (0 if self.escapes[piece] else position - self.starts[piece])

    def _end(self, position: int) -> int:
        piece = bisect_right(self.starts, position - 1) - 1
        if self.escapes[piece]:
            return self._behind(piece)
        return self.origins[piece] + position - self.starts[piece]

    def _behind(self, escape: int) -> int:
        return self.origins[escape + 1] if escape + 1 < len(self.origins) else self.size


def resolved(data: bytes) -> View | None:
    """The view of a text, or None when it has no escapes."""
    if b"\\" not in data or _ESCAPE.search(data) is None:
        return None
    pieces: list[bytes] = []
    starts, origins, escapes = [], [], []
    length = position = 0
    for match in _ESCAPE.finditer(data):
        start, end = match.span()
        for piece, origin, escape in (
            (data[position:start], position, False),
            (_character(match.group(1)), start, True),
        ):
            if piece:
                pieces.append(piece)
                starts.append(length)
                origins.append(origin)
                escapes.append(escape)
                length += len(piece)
        position = end
    pieces.append(data[position:])
    starts.append(length)
    origins.append(position)
    escapes.append(False)
    return View(b"".join(pieces), starts, origins, escapes, len(data))


def _character(escape: bytes) -> bytes:
    if len(escape) == 5:
        return chr(int(escape[1:], 16)).encode("utf-8", "replace")
    return _SHORT.get(escape, escape)
