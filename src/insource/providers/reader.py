"""Read one answer: bytes in, the fields of a record out."""

from __future__ import annotations

import zlib
from typing import Any

from insource.providers.characters import FIRST_HALF, whole_characters
from insource.providers.chat import ChatDialect
from insource.providers.decisions import DecisionsDialect
from insource.providers.dialect import Dialect, decoded
from insource.providers.embeddings import EmbeddingsDialect
from insource.providers.endpoints import Endpoint
from insource.providers.framing import (
    KEPT_BYTES,
    Framing,
    NotUnpacked,
    Unpacking,
    framing_of,
    significant,
    start_of,
)
from insource.providers.gemini import GeminiDialect
from insource.providers.messages import MessagesDialect
from insource.providers.other import OtherDialect
from insource.providers.requests import arguments_in
from insource.providers.responses import ResponsesDialect
from insource.providers.wire import EventLines
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
    "decisions": DecisionsDialect,
    "other": OtherDialect,
}


def open_reader(
    endpoint: Endpoint, *, streamed: bool, encoding: str = "", media: str = "", max_bytes: int = MAX_BYTES
) -> AnswerReader:
    """Return a reader for one answer of this kind of call.

    ``streamed``: the headers say that it is server-sent events, not one JSON document. ``encoding``: the
    ``content-encoding``, see ``decompressor``. Both count only where the bytes leave it open. ``media``: the
    content type of a non-text answer, of which only the length is recorded. At most ``max_bytes``
    decompressed bytes of an answer are read and held.
    """
    if media:
        return MediaReader(media)
    return AnswerReader(_DIALECTS[endpoint](), streamed=streamed, encoding=encoding, max_bytes=max_bytes)


class AnswerReader:
    """Extracts a record's fields from a provider's answer.

    ``feed`` it the bytes as they arrive, then ``close`` it.

    It never raises: the client gets the bytes whether or not they can be parsed. Unreadable parts are
    skipped. ``unread`` says why there is no answer to record: what came is not an answer of this kind, is not
    all of it, or is the promise of a later one (otherwise empty). Every field can be read at any time and
    reflects the bytes so far.

    ``complete`` says whether the proper end of the answer was seen. A stream with an end marker is complete
    at the marker. A stream without one is complete when ``close`` finds that the answer gave its finish
    reason. A document, and an ``unread`` answer, is complete when closed.
    """

    def __init__(self, dialect: Dialect, *, streamed: bool, encoding: str, max_bytes: int) -> None:
        self.unread = ""
        self._dialect = dialect
        self._unpacking = Unpacking(encoding, max_bytes)
        self._declared: Framing = "events" if streamed else "document"
        self._start: bytes | None = b""  # the first plain bytes, until they show what the answer is
        self._lines: EventLines | None = None
        self._document: list[bytes] = []
        self._kept = b""  # the first plain bytes of what has not been read as an answer
        self._came_bytes = 0
        self._room = max_bytes
        self._closed_whole = False
        self._half = ""  # the first half of a character of the text

    def feed(self, data: bytes) -> str:
        """Parse the next bytes; return the new text."""
        self._came_bytes += len(data)
        if self.unread:
            return ""
        try:
            return self._read(self._unpacking.feed(data))
        except Exception as error:  # the client must get the answer even when parsing it fails
            self._give_up(_reason(error))
        return ""

    def close(self) -> None:
        """Parse what is buffered, after all bytes were fed."""
        try:
            if not self.unread:
                self._read(self._unpacking.close())
                self._finish()
        except Exception as error:  # as in ``feed``
            self._give_up(_reason(error))
        self._closed_whole = self._lines is None or bool(self.unread) or self._dialect.finished

    def _read(self, data: bytes) -> str:
        self._room -= len(data)
        if self._room < 0:
            raise OverflowError
        if self._start is not None:
            data = self._start + data
            framing = framing_of(data, self._declared)
            if framing is None:
                self._start = significant(data)
                return ""
            self._begin(framing)
            data = significant(data)
        if self._lines is None:
            self._document.append(data)
            return ""
        if not self._dialect.answered and len(self._kept) < KEPT_BYTES:
            self._kept += data[:KEPT_BYTES]
        return self._whole_characters(self._events(self._lines.feed(data)))

    def _begin(self, framing: Framing) -> None:
        self._start = None
        self._lines = EventLines() if framing == "events" else None

    def _events(self, events: list[bytes]) -> str:
        if len(events) == 1:
            return self._dialect.event(events[0])
        return "".join([self._dialect.event(event) for event in events])

    def _finish(self) -> None:
        if self._start is not None:
            start = self._start
            self._begin(self._declared)
            self._read(start)
        if self._lines is None:
            data = b"".join(self._document)
            self._document.clear()
            self._dialect.whole(data)
            if not self._dialect.answered:
                self._kept = data[:KEPT_BYTES]
        else:
            self._events(self._lines.close())
        if not self._dialect.answered and not self.error:
            self.unread = self._dialect.awaited or self._not_an_answer()

    def _not_an_answer(self) -> str:
        if not self._kept.strip():
            return "the answer is empty"
        words = f": {self._words}" if self._words else ""
        if self._lines is not None:
            return f"no event of the stream could be read{words}"
        if self._kept.lstrip()[:1] not in (b"{", b"["):
            return f"the answer is not JSON{words}"
        whole = decoded(self._kept) is not None
        return f"the answer is {'not of the expected form' if whole else 'not complete JSON'}{words}"

    def _whole_characters(self, text: str) -> str:
        """Return the text with a character whose halves came in two events; its first half waits."""
        if not self._dialect.tolerant:
            return text
        text = self._half + text
        self._half = text[-1] if FIRST_HALF.match(text[-1:]) else ""
        return whole_characters(text[: len(text) - len(self._half)])

    @property
    def _words(self) -> str:
        """The first words of what was not read."""
        return " ".join(start_of(self._kept)[:STRAY_BYTES].split())

    @property
    def text(self) -> str:
        """The model's text; of several choices, the first."""
        text: str = self._whole(self._dialect.text)
        return text

    @property
    def response(self) -> dict[str, Any] | None:
        """The answer document as a call without streaming would have returned it, or None.

        Of what could not be read, it is the start: ``{"unread": text, "bytes": its length}``.
        """
        try:
            return self._whole(self._dialect.response) or self._as_it_came
        except RecursionError:  # nested too deeply to assemble
            return None

    @property
    def _as_it_came(self) -> dict[str, Any] | None:
        if not self._came_bytes or self.answered:
            return None
        return {"unread": start_of(self._kept or b"".join(self._document)), "bytes": self._came_bytes}

    def _whole(self, value: Any) -> Any:
        return whole_characters(value) if self._dialect.tolerant else value

    @property
    def answered(self) -> bool:
        """Whether a part of the model's answer was read."""
        return self._dialect.answered

    @property
    def strict(self) -> bool:
        """Whether all of the answer is strict JSON."""
        return not (self._dialect.tolerant or self.unread)

    @property
    def written(self) -> str:
        """All that the model wrote: the text, and the arguments of its tool calls."""
        return self.text + arguments_in(self.response)

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
        stray = f": {self._words}" if self._words else ""
        return self.error or f"HTTP {status}{stray}"

    @property
    def complete(self) -> bool:
        return self._dialect.ended or self._closed_whole

    def _give_up(self, why: str) -> None:
        self.unread = why
        self._kept = self._kept or b"".join(self._document)[:KEPT_BYTES]
        self._document.clear()


def _reason(error: Exception) -> str:
    if isinstance(error, NotUnpacked):
        return str(error)
    if isinstance(error, OverflowError):
        return "the answer is too long to be read"
    if isinstance(error, zlib.error):
        return f"the answer could not be decompressed: {error}"
    return f"the answer could not be read: {type(error).__name__}: {error}"


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
    def answered(self) -> bool:
        return True

    @property
    def response(self) -> dict[str, Any] | None:
        return {"content_type": self._media, "bytes": self._bytes}
