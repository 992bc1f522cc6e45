"""Token counts that the caller did not ask for: asked for on our account, and taken out of the answer."""

from __future__ import annotations

import msgspec

_LINE_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class UsageStripper:
    """Takes the chunk with the token counts, which the caller did not ask for, out of a chat stream.

    Whole events pass at once; only an event's beginning waits for its end.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What may be passed on now."""
        self._rest += data
        kept = []
        while (end := self._event_end()) > 0:
            event, self._rest = self._rest[:end], self._rest[end:]
            if not _only_counts(event):
                kept.append(event)
        return b"".join(kept)

    def close(self) -> bytes:
        """What is left when the stream has ended."""
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
