"""Redact a text that arrives in pieces."""

from __future__ import annotations

from insource.redaction.escapes import resolved
from insource.redaction.redactor import PersonalFinding, Redactor, without
from insource.redaction.rules import compiled

# The characters of tokens and numbers. Text is cut only before a run of these.
_CHARACTERS = r"[\w.~+/=!@#$%^&*:\\\-\p{Latin}\p{Greek}\p{Cyrillic}]*"
_RUN, _RUN_AT_END = compiled(_CHARACTERS), compiled(_CHARACTERS + r"\z")
_CONTINUES = bytes(range(0x80, 0xC0))  # UTF-8 bytes that begin no character
_CONTEXT = 64  # bytes of text before a finding that a rule may look at
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
        self._before = b""  # the end of what was returned, as it came: rules look at what precedes a number
        self._held = b""
        self._look_at = 0
        self._given_up = not redactor.streams

    def add(self, text: str) -> str:
        """Return the redacted text that can be written now; it may be empty."""
        if self._given_up:
            return ""
        held = self._held + text.encode("utf-8", "replace")
        if len(held) < self._look_at:
            self._held = held
            return ""
        known = len(self._before)
        data = self._before + held
        cut, findings = self._cut(data)
        cut = max(known, cut)
        self._held = data[cut:]
        left = len(self._held)
        # A long undecided text is searched again only after it grew by a quarter: linear time overall.
        self._look_at = left + left // 4 if left > _OFTEN_LOOKED_AT else 0
        if left > _MOST_HELD:
            self._held, self._given_up = b"", True
        if cut == known:
            return ""
        decided = data[:cut]
        # A match takes its text, so what follows a finding does not depend on it; nor on half a word.
        start = max(cut - _CONTEXT, findings[-1].end if findings else 0)
        self._before = decided[_RUN.match(decided, start).end() if start > 0 else 0 :].lstrip(_CONTINUES)
        return without(decided, known, findings)

    def rest(self) -> str:
        """Return the redacted text that is still held back, once nothing more follows."""
        data = self._before + self._held
        return without(data, len(self._before), self._redactor.findings(data))

    def _cut(self, data: bytes) -> tuple[int, list[PersonalFinding]]:
        """Return the last position before which every finding is decided, and the findings before it."""
        cut = self._unfinished(data)
        findings = self._redactor.findings(data)
        decided: list[PersonalFinding] = []
        before = -1
        while cut != before:
            before, cut = cut, int(_RUN_AT_END.search(data[:cut]).start())
            # A finding that reaches the end may continue, such as a key block without its last line.
            for finding in findings:
                if finding.began < cut and (finding.end > cut or finding.end == len(data)):
                    cut = finding.began
            decided = self._redactor.findings(data[:cut])
            # Without the text that follows, digits may match a rule that they do not match in full.
            for finding in decided:
                if finding not in findings:
                    cut = min(cut, finding.began)
        return cut, decided

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
