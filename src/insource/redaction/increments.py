"""Redacting a text that comes in pieces."""

from __future__ import annotations

from insource.redaction.escapes import resolved
from insource.redaction.redactor import Redactor
from insource.redaction.rules import compiled

# The characters that tokens and numbers are made of: text is only ever cut in front of a run of these.
_RUN = compiled(r"[\w.~+/=!@#$%^&*:\\\-\p{Latin}\p{Greek}\p{Cyrillic}]*\z")
_OFTEN_LOOKED_AT = 1024  # bytes
_MOST_HELD = 16 << 10  # bytes; bounds what a stream without any space costs


class RedactedIncrements:
    """Redacts a streamed text piece by piece.

    What may still become part of a finding is held back until more text decides, so that nothing that is
    cut in two by the stream gets through; all pieces together are the beginning of the whole text redacted.
    A stream that would have to be held back too far is not written on.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._look_at = 0
        self._given_up = not redactor.streams

    def add(self, text: str) -> str:
        """The redacted text that is safe to write now, possibly none."""
        if self._given_up:
            return ""
        data = self._held + text.encode("utf-8", "replace")
        if len(data) < self._look_at:
            self._held = data
            return ""
        cut = self._cut(data)
        self._held = data[cut:]
        held = len(self._held)
        # What is long undecided is looked at again when it has grown by a quarter: linear time in all.
        self._look_at = held + held // 4 if held > _OFTEN_LOOKED_AT else 0
        if len(self._held) > _MOST_HELD:
            self._held, self._given_up = b"", True
        return self._redactor.text(data[:cut].decode()) if cut else ""

    @property
    def held(self) -> str:
        """What has not been decided yet, as it came."""
        return self._held.decode()

    def _cut(self, data: bytes) -> int:
        """The last place before which everything is decided."""
        cut = self._unfinished(data)
        findings = self._redactor.findings(data)
        before = -1
        while cut != before:
            before, cut = cut, int(_RUN.search(data[:cut]).start())
            # A finding that reaches the end may go on: a key block without its last line does.
            for finding in findings:
                if finding.began < cut and (finding.end > cut or finding.end == len(data)):
                    cut = finding.began
            # Cut off from what follows it, a row of figures may look like something it is not.
            for finding in self._redactor.findings(data[:cut]):
                if finding not in findings:
                    cut = min(cut, finding.began)
        return cut

    def _unfinished(self, data: bytes) -> int:
        pattern = self._redactor.unfinished
        if pattern is None:
            return len(data)
        match = pattern.search(data)
        start: int = len(data) if match is None else match.start()
        view = resolved(data)
        if view is not None and (match := pattern.search(view.data)) and match.start() < len(view.data):
            start = min(start, view.original(match.start(), len(view.data))[0])
        return start
