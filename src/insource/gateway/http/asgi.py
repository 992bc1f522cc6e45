"""The little of HTTP that ASGI leaves to the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from insource import redaction

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEY_HEADERS = frozenset(name.encode() for name in redaction.KEY_HEADERS)
JSON_TYPE = (b"content-type", b"application/json")


class TooLarge(Exception):
    """A request body beyond the limit."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class HttpRequest:
    """Head of a request, and its body once ``read``."""

    __slots__ = ("_fields", "_receive", "body", "gone", "headers", "method", "path", "query")

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers: Headers = scope["headers"]
        self.body = b""
        self.gone = False
        self._fields: dict[bytes, bytes] = dict(reversed(self.headers))
        self._receive = receive

    def header(self, name: str) -> str:
        """The first header of that name, empty when there is none; UTF-8, or else Latin-1."""
        value = self._fields.get(name.encode(), b"")
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")

    def has(self, names: frozenset[bytes]) -> bool:
        """Whether there is a header of any of these names."""
        return not names.isdisjoint(self._fields)

    @property
    def headers_and_key(self) -> Headers:
        """The headers, with the key that Google's clients may put into the query."""
        if "key=" not in self.query:
            return self.headers
        keys = [value.encode() for name, value in parse_qsl(self.query) if name == "key"]
        return [*self.headers, *[(b"x-goog-api-key", key) for key in keys]]

    @property
    def content_type(self) -> str:
        """Without its parameters, in lower case."""
        return self.header("content-type").partition(";")[0].strip().lower()

    async def read(self, limit: int) -> None:
        """Read the body.

        Raises:
            TooLarge: beyond ``limit`` bytes; what was read is dropped.
            Disconnected: when the client went away.
        """
        parts = []
        async for part in self.pieces(limit):
            parts.append(part)
        self.body = parts[0] if len(parts) == 1 else b"".join(parts)

    async def pieces(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it comes. Raises as ``read`` does."""
        declared = self.header("content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise TooLarge
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise TooLarge
            if piece:
                yield piece
            more = message.get("more_body", False)

    async def cancelled_when_client_leaves(self, work: Awaitable[None], reply: HttpReply) -> None:
        """Run ``work`` in this task; a client that hangs up before its reply is out cancels it."""
        task = asyncio.current_task()
        assert task is not None
        watcher = asyncio.create_task(self._watch(task, reply))
        try:
            await work
        except asyncio.CancelledError:
            if not self.gone:
                raise
            task.uncancel()
        finally:
            if not reply.finished:  # else the server ends the watcher's wait itself
                watcher.cancel()

    async def _watch(self, task: asyncio.Task[Any], reply: HttpReply) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not reply.finished:
            self.gone = True
            task.cancel()


class HttpReply:
    """One response; ``started`` once its head is out, ``finished`` once its last byte is."""

    __slots__ = ("_send", "finished", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.finished = False

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def chunk(self, data: bytes) -> None:
        """Send a piece; returns when the client has taken enough of those before it."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        self.finished = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """A JSON document in one piece."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [JSON_TYPE, length, *headers])
        await self.finish(body)
