"""HTTP/1.1 to one upstream: kept connections, bytes as they come, and a limit on unread bytes.

The gateway has a client of its own because general clients take several times its CPU time, and because they
change messages: they add headers, decompress and follow redirects. docs/adr/0008 has the measurements. The
parser is llhttp (``httptools``).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import cast

import httptools

from insource.gateway.http.address import Address
from insource.gateway.http.asgi import Headers
from insource.gateway.http.proxies import open_transport

# The most unread bytes of an answer. Beyond it, the gateway stops reading from the upstream.
HIGH_WATER = 256 << 10
# Common servers close an idle connection after 5 s. A request sent at that moment would be lost.
IDLE_S = 4.0
_NO_REASON = "the connection was closed before the answer was whole"


class UpstreamFailed(Exception):
    """No answer came, or only a part of it.

    ``reached`` is False if no byte of the request was sent. ``stale`` means that a kept connection was closed
    before a byte of the answer came.
    """

    def __init__(self, reason: str, *, reached: bool = True, stale: bool = False) -> None:
        super().__init__(reason)
        self.reached = reached
        self.stale = stale


class UpstreamSilent(UpstreamFailed):
    """No byte came within the timeout."""


class UpstreamUntrusted(UpstreamFailed):
    """The certificate at the address does not prove that it is the upstream."""


class Pool:
    """The connections to one upstream. A pool belongs to the event loop that first uses it."""

    def __init__(self, address: Address, *, connect_timeout_s: float, timeout_s: float) -> None:
        self.address = address
        self.busy: set[Connection] = set()
        self._idle: list[Connection] = []
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        self._tls = _tls() if address.tls else None
        self._sweeper: asyncio.TimerHandle | None = None
        self._retired = False

    async def send(
        self, head: bytes, body: bytes | AsyncIterator[bytes], *, fresh: bool = False
    ) -> Connection:
        """Send a request, and return its connection when the head of the answer has been read.

        ``fresh`` opens a new connection. The caller releases the connection after it has read the answer, or
        aborts it.

        Raises:
            UpstreamFailed: there is no connection, or it ended before the head of the answer was complete.
        """
        connection = (None if fresh else self._take()) or await self._connect()
        self.busy.add(connection)
        try:
            connection.write(head + body if isinstance(body, bytes) else head)
            if not isinstance(body, bytes):
                await connection.upload(body)
            await connection.head()
        except BaseException:
            connection.abort()
            raise
        return connection

    def release(self, connection: Connection) -> None:
        """Keep the connection for the next request if it is reusable, else close it."""
        self.busy.discard(connection)
        if self._retired or not connection.reusable:
            connection.abort()
        else:
            connection.idle_since = connection.loop.time()
            self._idle.append(connection)

    def retire(self) -> None:
        """Close the idle connections and keep none any more; requests under way finish."""
        self._retired = True
        while self._idle:
            self._idle.pop().abort()

    def lost(self, connection: Connection) -> None:
        """Forget a closed connection."""
        self.busy.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()  # the last one used is the least likely to be stale
            if connection.loop.time() - connection.idle_since < IDLE_S and connection.alive:
                connection.begin(reused=True)
                return connection
            connection.abort()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        if self._sweeper is None:
            self._sweep_later(loop)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                connection = Connection(self, loop)
                connection.tunnel = await open_transport(loop, lambda: connection, self.address, self._tls)
        except TimeoutError as error:
            waited = f"no connection within {self._connect_timeout_s:g} s"
            raise UpstreamSilent(waited, reached=False) from error
        except ssl.SSLCertVerificationError as error:
            raise UpstreamUntrusted(str(error), reached=False) from error
        except (OSError, ssl.SSLError) as error:
            raise UpstreamFailed(f"{type(error).__name__}: {error}", reached=False) from error
        return connection

    def _sweep_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._sweeper = loop.call_later(min(1.0, self._timeout_s / 4), self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Fail silent connections and close old idle ones.

        All connections share one timer, because a timer for each request costs more than its parsing.
        """
        now = loop.time()
        for connection in list(self.busy):
            if connection.silent_since is not None and now - connection.silent_since >= self._timeout_s:
                connection.fail(UpstreamSilent(f"nothing came for {self._timeout_s:g} s"))
        for connection in [one for one in self._idle if now - one.idle_since >= IDLE_S]:
            connection.abort()
        self._sweeper = None
        if self.busy or self._idle:
            self._sweep_later(loop)


class Connection(asyncio.Protocol):
    """One connection with one request at a time, and ``status``, ``headers`` and ``read`` of its answer."""

    def __init__(self, pool: Pool, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.alive = False
        self.idle_since = 0.0
        self.silent_since: float | None = None
        self.tunnel: asyncio.StreamWriter | None = None
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._error: UpstreamFailed | None = None
        self.begin(reused=False)

    def begin(self, *, reused: bool) -> None:
        """Reset the state for the next request."""
        self.status = 0
        self.headers: Headers = []
        self._reused = reused
        self._parser = httptools.HttpResponseParser(self)
        self._head_done = self._complete = self._any_byte = False
        self._chunks: list[bytes] = []
        self._held = 0
        self._reading = True
        self._uploading = self._keep_alive = False

    @property
    def reusable(self) -> bool:
        """Return whether the answer was read to its end and the connection stays open."""
        return self.alive and self.at_end and not self._uploading and self._keep_alive

    @property
    def at_end(self) -> bool:
        """Return whether the whole answer has been read."""
        return self._complete and not self._chunks

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def upload(self, body: AsyncIterator[bytes]) -> None:
        """Send the body in pieces, as fast as the upstream reads them, until it answers."""
        self._uploading = True
        async for piece in body:
            if self._writable is not None:
                self.silent_since = self.loop.time()
                await self._writable
                self.silent_since = None
            if self._head_done or self._error is not None or self._transport is None:
                return
            self._transport.write(piece)
        self._uploading = False

    async def head(self) -> None:
        while not self._head_done:
            await self._more()

    async def read(self) -> bytes:
        """Return the bytes since the last read; wait for at least one. Empty bytes mean the end.

        Raises:
            UpstreamFailed: the answer was cut short. All bytes before that have been returned.
        """
        while not self._chunks:
            if self._complete:
                return b""
            await self._more()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        if not self._reading and self._transport is not None:
            self._reading = True
            self._transport.resume_reading()
        return data

    async def peek(self) -> bytes:
        """Return the bytes that ``read`` will return, all of them for a short answer. Raises as it does."""
        while not self._complete and self._held <= HIGH_WATER:
            await self._more()
        return b"".join(self._chunks)

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self.loop.create_future()
        self.silent_since = self.loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = self.silent_since = None

    def fail(self, error: UpstreamFailed) -> None:
        """End the exchange with this error, which the next wait or read raises."""
        self._error = self._error or error
        self.abort()
        self._wake()

    def abort(self) -> None:
        self.alive = False
        self._pool.lost(self)
        if self._transport is not None:
            self._transport.abort()

    def _wake(self) -> None:
        for future in (self._waiter, self._writable):
            if future is not None and not future.done():
                future.set_result(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        self._any_byte = True
        if self.silent_since is not None:
            self.silent_since = self.loop.time()
        if self._complete:  # bytes without a request
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                self.fail(UpstreamFailed(f"not HTTP/1.1: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.alive = False
        self._pool.lost(self)
        whole = self._head_done and error is None and self._error is None and self._ends_with_connection()
        if whole:
            self._complete = True
        elif not self._complete and self._error is None:
            reason = f"{type(error).__name__}: {error}" if error else _NO_REASON
            self._error = UpstreamFailed(reason, stale=self._reused and not self._any_byte)
        self._wake()

    def pause_writing(self) -> None:
        self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def _ends_with_connection(self) -> bool:
        """Return whether the end of the connection ends the body (RFC 9112, section 6.3)."""
        return not any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)

    # httptools.HttpResponseParser

    def on_message_begin(self) -> None:
        if self._complete:  # a second answer to one request would reach the wrong client
            self.abort()
            raise UpstreamFailed("more came than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_done:  # a trailer may be dropped (RFC 9110, section 6.5.1)
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim answer (RFC 9110, 15.2); the final one follows
            self.headers = []
            return
        self._head_done = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._held += len(body)
        if self._held > HIGH_WATER and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self.status < 200:
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()
        self._wake()


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
