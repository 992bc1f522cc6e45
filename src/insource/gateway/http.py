"""The little of HTTP that ASGI leaves to the application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from insource.gateway.openai_api import error_body

Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# RFC 9110, section 7.6.1, and its predecessors: these belong to one connection, not to the message.
HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)


class TooLarge(Exception):
    """A request body beyond the limit."""


class Disconnected(Exception):
    """The client went away before its request was complete."""


class HttpRequest:
    """Head of a request, and its body once ``read``."""

    def __init__(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.target: str = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers: Headers = list(scope["headers"])
        self.body = b""
        self._receive = receive

    def header(self, name: str) -> str:
        """The first header of that name, empty when there is none."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), "")

    async def read(self, limit: int) -> None:
        """Read the body.

        Raises:
            TooLarge: beyond ``limit`` bytes; what was read is dropped.
            Disconnected: when the client went away.
        """
        declared = self.header("content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise TooLarge
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise TooLarge
            more = message.get("more_body", False)
        self.body = b"".join(parts)

    async def cancelled_when_client_leaves(self, work: Awaitable[None]) -> None:
        """Run ``work``; a client that hangs up cancels it."""
        task = asyncio.ensure_future(work)
        watcher = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watcher.cancel()
            task.cancel()
            await asyncio.gather(task, watcher, return_exceptions=True)
        if not task.cancelled():
            task.result()

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class HttpReply:
    """One response; ``started`` once its head is out."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def chunk(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        """A JSON document in one piece."""
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self.start(status, [*head, *headers])
        await self.finish(body)

    async def error(
        self, status: int, code: str, message: str, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """An error in OpenAI's shape."""
        await self.whole(status, error_body(status, code, message), headers)
