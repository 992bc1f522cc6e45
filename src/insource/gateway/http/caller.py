"""HTTP/1.1 with the clients: uvicorn's protocol with the checks that it does not have.

A head must come in time and must not be too large. Trailers are not taken for headers. A body is read even
if the client offers another protocol with its request.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from insource.gateway.http.refused import Refused
from insource.providers.errors import error_document

HEAD_BYTES = 256 << 10
"""The most bytes of a head, trailers and the framing of chunks. Providers accept 16 to 64 KiB."""
HEAD_S = 60.0
"""The time in which a client must send a head."""
# These headers determine where a body ends (RFC 9112, section 6.3).
_FRAMING = (b"content-length", b"transfer-encoding")


class CallerProtocol(HttpToolsProtocol):
    """One connection of a client."""

    _overhead = 0
    _in_head = False
    _head_read = False
    _replaying = False
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._overhead += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("The request is not HTTP/1.1, or it has two lengths.")
            return
        if self._overhead > HEAD_BYTES:
            self._hang_up(Refused(431, "invalid-http", "The headers are larger than the gateway takes."))
        elif self._in_head and self._late is None:
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        self._hang_up(Refused(400, "invalid-http", msg))

    # httptools.HttpRequestParser

    def on_message_begin(self) -> None:
        if not self._replaying:
            self._in_head, self._head_read = True, False
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._replaying:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_read:  # a trailer may be dropped (RFC 9110, section 6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._replaying:
            self._in_head, self._head_read, self._overhead = False, True, 0
            self._head_came()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():  # with an upgrade, the body is still to come
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        """Parse the data. An offered protocol is ignored, which RFC 9110, section 7.8, allows.

        Java's client offers HTTP/2 with its first request. The parser then stops before the body. A second
        parser, which gets only the headers about the length, reads the body.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            self.parser = httptools.HttpRequestParser(self)
            framing = [name + b": " + value for name, value in self.headers if name in _FRAMING]
            self._replaying = True
            self.parser.feed_data(b"\r\n".join([b"POST / HTTP/1.1", *framing, b"", b""]))
            self._replaying = False
            if rest := data[cast(int, offered.args[0]) :]:
                self._feed(rest)

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(HEAD_S, self._too_late)

    def _head_came(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if self._in_head:
            self._hang_up(Refused(408, "invalid-http", "The request's headers did not come in time."))
        else:  # the client connected and sent nothing
            self.transport.close()

    def _hang_up(self, refusal: Refused) -> None:
        """Answer and close the connection; if another answer is under way, only close it.

        The request was not read, so the error has OpenAI's format.
        """
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if self.pipeline or (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.abort()
            return
        body = error_document("openai", refusal.status, refusal.code, refusal.message)
        self.transport.write(
            b"HTTP/1.1 %d \r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (refusal.status, len(body), body)
        )
        self.transport.close()
