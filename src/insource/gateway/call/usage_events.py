"""Remove the token counts that the gateway requested, and the caller did not, from a stream."""

from __future__ import annotations

import msgspec

from insource.providers.framing import Framing, framing_of, significant

_LINE_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class UsageStripper:
    """Removes the event with the token counts from a chat stream.

    A complete event is passed on at once. An incomplete one waits for its end. Without ``events``, the bytes
    show whether the answer is a stream of events; anything else is passed on at once and unchanged.
    """

    def __init__(self, *, events: bool = True) -> None:
        self._framing: Framing | None = "events" if events else None
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Take more of the stream, and return what can be passed on."""
        self._rest += data
        if self._framing is None:
            self._framing = framing_of(self._rest, "document")
        if self._framing == "document" or (self._framing is None and not significant(self._rest)):
            return self.close()
        kept = []
        while (end := self._event_end()) > 0:
            event, self._rest = self._rest[:end], self._rest[end:]
            if not _only_counts(event):
                kept.append(event)
        return b"".join(kept)

    def close(self) -> bytes:
        """Return what is left at the end of the stream."""
        rest, self._rest = self._rest, b""
        return rest

    def _event_end(self) -> int:
        ends = [at + len(mark) for mark in _LINE_ENDS if (at := self._rest.find(mark)) >= 0]
        return min(ends, default=0)


def _only_counts(event: bytes) -> bool:
    if b'"usage"' not in event or not event.startswith(b"data:"):
        return False
    try:
        document = msgspec.json.decode(event[5:].strip())
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("choices") == [] and bool(document.get("usage"))
