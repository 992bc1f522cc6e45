"""Redact a text that arrives in pieces."""

from __future__ import annotations

from insource.redaction.escapes import resolved
from insource.redaction.redactor import Redactor
from insource.redaction.rules import compiled

# The characters of tokens and numbers. Text is cut only before a run of these.
_RUN = compiled(r"[\w.~+/=!@#$%^&*:\\\-\p{Latin}\p{Greek}\p{Cyrillic}]*\z")
_OFTEN_LOOKED_AT = 1024  # bytes
_MOST_HELD = 16 << 10  # bytes; bounds the cost of a stream without spaces


class RedactedIncrements:
    """Redacts a streamed text piece by piece.

    Text that may become part of a finding is held back until more text decides, so a finding that is split
    between pieces is still removed. The pieces together are a prefix of the redacted whole text. When too
    much text would be held back, nothing more of the stream is returned. With custom rules or a finder, whose
    matches have no maximal length, nothing is returned at all.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._look_at = 0
        self._given_up = not redactor.streams

    def add(self, text: str) -> str:
        """Return the redacted text that can be written now; it may be empty."""
        if self._given_up:
            return ""
        data = self._held + text.encode("utf-8", "replace")
        if len(data) < self._look_at:
            self._held = data
            return ""
        cut = self._cut(data)
        self._held = data[cut:]
        held = len(self._held)
        # A long undecided text is searched again only after it grew by a quarter: linear time overall.
        self._look_at = held + held // 4 if held > _OFTEN_LOOKED_AT else 0
        if len(self._held) > _MOST_HELD:
            self._held, self._given_up = b"", True
        return self._redactor.text(data[:cut].decode()) if cut else ""

    @property
    def held(self) -> str:
        """The text that is still undecided, unredacted."""
        return self._held.decode()

    def _cut(self, data: bytes) -> int:
        """Return the last position before which every finding is decided."""
        cut = self._unfinished(data)
        findings = self._redactor.findings(data)
        before = -1
        while cut != before:
            before, cut = cut, int(_RUN.search(data[:cut]).start())
            # A finding that reaches the end may continue, such as a key block without its last line.
            for finding in findings:
                if finding.began < cut and (finding.end > cut or finding.end == len(data)):
                    cut = finding.began
            # Without the text that follows, digits may match a rule that they do not match in full.
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
