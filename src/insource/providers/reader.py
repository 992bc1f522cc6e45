"""The reader of one answer: bytes in, a record's fields out."""

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

MAX_BYTES = 64 << 20  # the longest answers, of 128,000 tokens, stream as 40 MB

STRAY_BYTES = 300  # of an answer that is no JSON

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
    """A reader for one answer of this kind of call.

    ``streamed`` says that server-sent events come, else one JSON document; ``encoding`` is the
    ``content-encoding``, see ``decompressor``. ``media`` is the content type of what is no text: of that
    only the length is read. Of one answer ``max_bytes`` are read, decompressed, and no
    more is ever held.
    """
    if media:
        return MediaReader(media)
    return AnswerReader(_DIALECTS[endpoint](), streamed=streamed, encoding=encoding, max_bytes=max_bytes)


class AnswerReader:
    """What a provider's answer says. ``feed`` it the bytes as they come, then ``close`` it.

    What cannot be read is passed over, and nothing raises: the client gets the bytes whether we
    understand them or not. ``unread`` then says why the record lacks something, else it is empty. Every
    field can be read at any time, and tells what came until then.

    ``complete`` is whether the answer's proper end was seen: a stream's own end mark, at once; without
    such a mark, when ``close`` finds that the answer says why it stopped. A document, and what is
    ``unread``, is complete when it is closed.
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
        """Read on, and return the text that is new."""
        if self.unread:
            return ""
        try:
            return self._read(data)
        except zlib.error as error:
            self._give_up(f"the answer could not be decompressed: {error}")
        except OverflowError:
            self._give_up("the answer is longer than is read")
        except Exception as error:  # an answer of a kind nobody thought of must reach the client all the same
            self._give_up(f"the answer could not be read: {type(error).__name__}: {error}")
        return ""

    def close(self) -> None:
        """Everything has been fed."""
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
            if data.lstrip()[:1] not in (b"{", b"["):  # the page of a proxy on the way, say
                self._stray = " ".join(data[:STRAY_BYTES].decode("utf-8", "replace").split())
            self._dialect.whole(data)
        else:
            for event in self._lines.close():
                self._dialect.event(event)

    @property
    def text(self) -> str:
        """What the model says: of several choices, the first."""
        return self._dialect.text

    @property
    def response(self) -> dict[str, Any] | None:
        """The answer's document, as a call without streaming would have given it; None without one."""
        try:
            return self._dialect.response
        except RecursionError:  # nested deeper than it can be put together
            return None

    @property
    def finish_reason(self) -> FinishReason:
        return self._dialect.finish_reason

    @property
    def usage(self) -> Usage:
        """The provider's token counts, as far as it reported them."""
        return self._dialect.usage

    @property
    def model(self) -> str:
        """The model that answered, as the provider names it."""
        return self._dialect.model

    @property
    def error(self) -> str:
        """The message of the error that the answer is or ends in; empty without one."""
        return self._dialect.error

    def failure(self, status: int | None) -> str:
        """What to record as the reason of an answer with this status that is an error, never empty."""
        stray = f": {self._stray}" if self._stray else ""
        return self.error or self.unread or f"HTTP {status}{stray}"

    @property
    def complete(self) -> bool:
        return self._dialect.ended or self._closed_whole

    def _give_up(self, why: str) -> None:
        self.unread = why
        self._document.clear()


class MediaReader(AnswerReader):
    """Counts the bytes of sound, a picture or any other file, as they travel; its document says how many."""

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
