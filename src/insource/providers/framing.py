"""Find out what the bytes of an answer are: compressed or plain, an event stream or one document.

Proxies relabel answers, and block pages come with any content type. So the bytes decide, and the headers only
where the bytes leave it open.
"""

from __future__ import annotations

import re
from typing import Literal

from insource.providers.wire import Decompressor, decompressor

Framing = Literal["document", "events"]

KEPT_BYTES = 64 << 10
"""How much is recorded of a body that could not be read."""

_WORD = re.compile(r"[^\s\"'<>{}\[\],]*")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# How a line of an event stream starts (WHATWG HTML, section 9.2); the last one is a comment.
_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_DECIDES = 16  # bytes; compressed data does not start with that many printable ones
_CONTROL = frozenset(range(0x20)) - frozenset(b"\t\n\r\f\x1b") | {0x7F}
_PRINTABLE = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r")


class NotUnpacked(ValueError):
    """The answer is compressed in an unsupported way; the message says how."""


class Unpacking:
    """Decompresses an answer, also one whose ``content-encoding`` is wrong or missing."""

    def __init__(self, encoding: str, max_bytes: int) -> None:
        encoding = encoding.strip().lower()
        self._encoding = "" if encoding == "identity" else encoding
        self._max_bytes = max_bytes
        self._start: bytes | None = b""  # the first bytes, until they show what follows
        self._decompressor: Decompressor | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the plain bytes.

        Raises:
            NotUnpacked: the encoding is not supported.
            Exception: as ``Decompressor.feed``.
        """
        if self._start is None:
            return data if self._decompressor is None else self._decompressor.feed(data)
        data = self._start + data
        if self._undecided(data):
            self._start = data
            return b""
        return self._begin(data)

    def close(self) -> bytes:
        """Return the plain bytes of an answer that was too short to show what it is. Raises as ``feed``."""
        return b"" if self._start is None else self._begin(self._start)

    def _undecided(self, data: bytes) -> bool:
        if self._encoding:
            return len(data) < _DECIDES and _is_printable(data)
        return any(magic.startswith(data) and magic != data for magic in _MAGIC)

    def _begin(self, data: bytes) -> bytes:
        self._start = None
        encoding = self._encoding
        if encoding and data and _is_printable(data[:_DECIDES]):
            encoding = ""
        elif not encoding:
            encoding = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "")
        if not encoding:
            return data
        self._decompressor = decompressor(encoding, self._max_bytes)
        if self._decompressor is None:
            raise NotUnpacked(f"the answer is compressed as {encoding}")
        return self._decompressor.feed(data)


def framing_of(start: bytes, declared: Framing) -> Framing | None:
    """Return what an answer is by its first plain bytes; None if more of them are needed.

    ``declared`` is what the headers say. It counts for an answer that is neither JSON nor events.
    """
    text = significant(start)
    if text[:1] in (b"{", b"["):
        return "document"
    if text.startswith(_FIELDS):
        return "events"
    return None if any(one.startswith(text) for one in (*_FIELDS, BYTE_ORDER_MARK)) else declared


def significant(start: bytes) -> bytes:
    """Return the start of an answer without what says nothing about it: a byte order mark and blank space."""
    return start.removeprefix(BYTE_ORDER_MARK).lstrip()


def start_of(data: bytes) -> str:
    """Return the first ``KEPT_BYTES`` of data as text; empty for binary data, in which nothing is redacted.

    The last word of a text that goes on is left out: a secret that is cut would not be recognised.
    """
    start = data[:KEPT_BYTES]
    if not _CONTROL.isdisjoint(start):
        return ""
    text = start.decode("utf-8", "replace")
    if len(data) < KEPT_BYTES:
        return text
    last = _WORD.match(text[::-1])  # backwards: a search for the end of a word takes quadratic time
    return text[: len(text) - len(last[0])] if last else text


def _is_printable(data: bytes) -> bool:
    return _PRINTABLE.issuperset(data)
