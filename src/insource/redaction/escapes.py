r"""Search text that contains JSON escapes: its unescaped view, and the mapping back.

Tool arguments are JSON inside a JSON string, so a secret may follow ``\n`` or be written as ``\u0073k-…``.
The rules search the text and this view of it; findings are removed from the text itself.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from insource.redaction.rules import Span, compiled

_ESCAPE = compiled(r"\\+(u[0-9A-Fa-f]{4}|[bfnrt\"'/])")
_SHORT = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


@dataclass(frozen=True)
class View:
    """A text without its escapes.

    Piece ``i`` of ``data`` starts at ``starts[i]`` and comes from offset ``origins[i]`` of the original text.
    Pieces are either unchanged text or the character of one escape, at any nesting depth.
    """

    data: bytes
    starts: list[int]
    origins: list[int]
    escapes: list[bool]
    size: int  # bytes of the original text

    def original(self, start: int, end: int) -> Span:
        """Return the span of the original text for a span of the view."""
        return self._start(start), self._end(end)

    def clipped(self, start: int, end: int) -> Span:
        """Return a span of the original text without a partial escape at either end.

        A partial escape left in the text would make the JSON invalid.
        """
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
    """Return the unescaped view of a text, or None when it has no escapes."""
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
