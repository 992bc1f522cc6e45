"""Read one answer: bytes in, the fields of a record out."""

from __future__ import annotations

import zlib
from typing import Any

from insource.providers.chat import ChatDialect
from insource.providers.dialect import Dialect
from insource.providers.embeddings import EmbeddingsDialect
from insource.providers.endpoints import Endpoint
from insource.providers.gemini import GeminiDialect
from insource.providers.messages import MessagesDialect
from insource.providers.other import OtherDialect
from insource.providers.responses import ResponsesDialect
from insource.providers.wire import EventLines, decompressor
from insource.types import FinishReason, Usage

MAX_BYTES = 64 << 20  # a stream of 128,000 tokens, the longest answer, has 40 MB

STRAY_BYTES = 300  # how much of a non-JSON answer is quoted in an error

_DIALECTS: dict[Endpoint, type[Dialect]] = {
    "chat": ChatDialect,
    "completions": ChatDialect,
    "responses": ResponsesDialect,
    "embeddings": EmbeddingsDialect,
    "messages": MessagesDialect,
    "generate_content": GeminiDialect,
    "other": OtherDialect,
}


def open_reader(
    endpoint: Endpoint, *, streamed: bool, encoding: str = "", media: str = "", max_bytes: int = MAX_BYTES
) -> AnswerReader:
    """Return a reader for one answer of this kind of call.

    ``streamed``: server-sent events instead of one JSON document. ``encoding``: the ``content-encoding``, see
    ``decompressor``. ``media``: the content type of a non-text answer, of which only the length is recorded.
    At most ``max_bytes`` decompressed bytes of an answer are read and held.
    """
    if media:
        return MediaReader(media)
    return AnswerReader(_DIALECTS[endpoint](), streamed=streamed, encoding=encoding, max_bytes=max_bytes)


class AnswerReader:
    """Extracts a record's fields from a provider's answer.

    ``feed`` it the bytes as they arrive, then ``close`` it.

    It never raises: the client gets the bytes whether or not they can be parsed. Unreadable parts are
    skipped, and ``unread`` says why the record is incomplete (otherwise empty). Every field can be read at
    any time and reflects the bytes so far.

    ``complete`` says whether the proper end of the answer was seen. A stream with an end marker is complete
    at the marker. A stream without one is complete when ``close`` finds that the answer gave its finish
    reason. A document, and an ``unread`` answer, is complete when closed.
    """

    def __init__(self, dialect: Dialect, *, streamed: bool, encoding: str, max_bytes: int) -> None:
        encoding = encoding.strip().lower()
        plain = encoding in ("", "identity")
        self._decompressor = None if plain else decompressor(encoding, max_bytes)
        readable = plain or self._decompressor is not None
        self.unread = "" if readable else f"the answer is compressed as {encoding}"
        self._dialect = dialect
        self._room = max_bytes
        self._lines = EventLines() if streamed else None
        self._document: list[bytes] = []
        self._closed_whole = False
        self._stray = ""

    def feed(self, data: bytes) -> str:
        """Parse the next bytes; return the new text."""
        if self.unread:
            return ""
        try:
            return self._read(data)
        except zlib.error as error:
            self._give_up(f"the answer could not be decompressed: {error}")
        except OverflowError:
            self._give_up("the answer is too long to be read")
        except Exception as error:  # the client must get the answer even when parsing it fails
            self._give_up(f"the answer could not be read: {type(error).__name__}: {error}")
        return ""

    def close(self) -> None:
        """Parse what is buffered, after all bytes were fed."""
        try:
            if not self.unread:
                self._finish()
        except Exception as error:  # as in ``feed``
            self._give_up(f"the answer could not be read: {type(error).__name__}: {error}")
        self._closed_whole = self._lines is None or bool(self.unread) or self._dialect.finished

    def _read(self, data: bytes) -> str:
        if self._decompressor is not None:
            data = self._decompressor.feed(data)
        self._room -= len(data)
        if self._room < 0:
            raise OverflowError
        if self._lines is None:
            self._document.append(data)
            return ""
        events = self._lines.feed(data)
        if len(events) == 1:
            return self._dialect.event(events[0])
        return "".join([self._dialect.event(event) for event in events])

    def _finish(self) -> None:
        if self._lines is None:
            data = b"".join(self._document)
            self._document.clear()
            if data.lstrip()[:1] not in (b"{", b"["):  # an HTML page of a proxy, for example
                self._stray = " ".join(data[:STRAY_BYTES].decode("utf-8", "replace").split())
            self._dialect.whole(data)
        else:
            for event in self._lines.close():
                self._dialect.event(event)

    @property
    def text(self) -> str:
        """The model's text; of several choices, the first."""
        return self._dialect.text

    @property
    def response(self) -> dict[str, Any] | None:
        """The answer document as a call without streaming would have returned it, or None."""
        try:
            return self._dialect.response
        except RecursionError:  # nested too deeply to assemble
            return None

    @property
    def finish_reason(self) -> FinishReason:
        return self._dialect.finish_reason

    @property
    def usage(self) -> Usage:
        """The token counts that the provider reported."""
        return self._dialect.usage

    @property
    def model(self) -> str:
        """The model that answered, as the provider names it."""
        return self._dialect.model

    @property
    def error(self) -> str:
        """The error message of the answer; empty without an error."""
        return self._dialect.error

    def failure(self, status: int | None) -> str:
        """Return the reason to record for an error answer with this status; never empty."""
        stray = f": {self._stray}" if self._stray else ""
        return self.error or self.unread or f"HTTP {status}{stray}"

    @property
    def complete(self) -> bool:
        return self._dialect.ended or self._closed_whole

    def _give_up(self, why: str) -> None:
        self.unread = why
        self._document.clear()


class MediaReader(AnswerReader):
    """Counts the bytes of an audio, image or other file; ``response`` has the content type and the count."""

    def __init__(self, media: str) -> None:
        super().__init__(OtherDialect(), streamed=False, encoding="", max_bytes=0)
        self._media = media
        self._bytes = 0

    def feed(self, data: bytes) -> str:
        self._bytes += len(data)
        return ""

    def close(self) -> None:
        self._closed_whole = True

    @property
    def response(self) -> dict[str, Any] | None:
        return {"content_type": self._media, "bytes": self._bytes}
