"""Requests and replies over ASGI: headers, bodies with a limit, and clients that disconnect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from insource import redaction

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

KEY_HEADERS = frozenset(name.encode() for name in redaction.KEY_HEADERS)
JSON_TYPE = (b"content-type", b"application/json")


class TooLarge(Exception):
    """The request body is larger than the limit."""


class Disconnected(Exception):
    """The client disconnected before its request was complete."""


class AuditMark:
    """Marks a request that the gateway makes itself, to ask the cloud about the call ``of``.

    ``cost_usd`` is known once the request is settled.
    """

    __slots__ = ("cost_usd", "of")

    def __init__(self, of: str) -> None:
        self.of = of
        self.cost_usd: Decimal | None = None


class HttpRequest:
    """The head of a request, and its body after ``read``. ``audit`` marks one of the gateway itself."""

    __slots__ = ("_fields", "_receive", "audit", "body", "gone", "headers", "method", "path", "query")

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers: Headers = scope["headers"]
        self.body = b""
        self.gone = False
        self.audit: AuditMark | None = None
        self._fields: dict[bytes, bytes] = dict(reversed(self.headers))
        self._receive = receive

    def header(self, name: str) -> str:
        """Return the first header of that name, decoded as UTF-8 or else Latin-1; empty if missing."""
        value = self._fields.get(name.encode(), b"")
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")

    def has(self, names: frozenset[bytes]) -> bool:
        """Return whether the request has any of these headers."""
        return not names.isdisjoint(self._fields)

    @property
    def headers_and_key(self) -> Headers:
        """Return the headers, and the key that Google's clients may put into the query."""
        if "key=" not in self.query:
            return self.headers
        keys = [value.encode() for name, value in parse_qsl(self.query) if name == "key"]
        return [*self.headers, *[(b"x-goog-api-key", key) for key in keys]]

    @property
    def content_type(self) -> str:
        """Return the content type in lower case, without its parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()

    async def read(self, limit: int) -> None:
        """Read the body.

        Raises:
            TooLarge: the body has more than ``limit`` bytes. What was read is dropped.
            Disconnected: the client disconnected.
        """
        parts = []
        async for part in self.pieces(limit):
            parts.append(part)
        self.body = parts[0] if len(parts) == 1 else b"".join(parts)

    async def pieces(self, limit: int) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises as ``read`` does."""
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
        """Run ``work`` in this task, and cancel it if the client disconnects before its reply is sent."""
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
            if not reply.finished:  # else whoever sent the request ends the watcher's wait
                watcher.cancel()

    async def _watch(self, task: asyncio.Task[Any], reply: HttpReply) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not reply.finished:
            self.gone = True
            task.cancel()


class HttpReply:
    """One response. ``started``: its head was sent. ``finished``: its last byte was sent."""

    __slots__ = ("_send", "finished", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.finished = False

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def chunk(self, data: bytes) -> None:
        """Send a piece. Return when the client has read enough of the pieces before it."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        self.finished = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """Send a JSON document in one piece."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [JSON_TYPE, length, *headers])
        await self.finish(body)
