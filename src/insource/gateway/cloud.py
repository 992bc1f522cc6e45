"""The clouds an exchange can be escalated to: an API that gets the client's own bytes, or a ``Model``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import aiohttp
from yarl import URL

from insource.errors import InsourceError, UserError
from insource.gateway.exchange import Exchange
from insource.gateway.http import HOP_BY_HOP, Headers
from insource.gateway.openai_api import error_body, event, messages_of
from insource.gateway.reading import AnswerReader
from insource.gateway.settings import AUTO, GatewaySettings, HttpCloud
from insource.models.protocol import Model, Request
from insource.models.transport import is_loopback, require_allowed
from insource.routing.json_spans import json_spans
from insource.types import Usage

Price = Callable[[str, Usage, datetime], Decimal | None]

# aiohttp writes its own length and host; the rest is what it would add although the client did not.
_NOT_FORWARDED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
_NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Cloud(Protocol):
    """Where exchanges are escalated to. ``passes_on`` says whether it takes requests for any model."""

    model: str
    simulated: bool
    passes_on: bool

    async def answer(self, exchange: Exchange) -> None:
        """Answer the exchange, errors included, on the record."""
        ...

    async def close(self) -> None: ...


def open_cloud(settings: GatewaySettings) -> tuple[Cloud | None, str]:
    """The cloud this task may ask; without one, the reason why: ``no-cloud`` or ``local-only``.

    A task marked local-only gets no connection that leaves this machine, so nothing has to be stopped
    later. Call it inside the event loop that will serve.
    """
    cloud = settings.cloud
    if cloud is None:
        return None, "no-cloud"
    if isinstance(cloud, HttpCloud):
        try:
            require_allowed(cloud.base_url, settings.task.privacy)
        except UserError:
            return None, "local-only"
        return HttpUpstream(cloud, settings.price, aliases=(settings.task.name, AUTO)), ""
    if settings.task.privacy == "local-only" and not cloud.info.local:
        return None, "local-only"
    return ModelUpstream(cloud, settings.price, settings.max_tokens), ""


class HttpUpstream:
    """An OpenAI-compatible API: bytes in, bytes out, the caller's own key."""

    simulated = False
    passes_on = True

    def __init__(self, cloud: HttpCloud, price: Price, *, aliases: tuple[str, ...]) -> None:
        self.model = cloud.model
        self._aliases = aliases
        self._base_url = cloud.base_url.rstrip("/")
        self._price = price
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=cloud.connect_timeout_s, sock_read=cloud.timeout_s
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_ADDED,
            trust_env=not is_loopback(cloud.base_url),
        )

    async def close(self) -> None:
        await self._session.close()

    async def answer(self, exchange: Exchange) -> None:
        request = exchange.request
        url = self._base_url + request.target.removeprefix("/v1")
        url += f"?{request.query}" if request.query else ""
        try:
            async with self._session.request(
                request.method,
                URL(url, encoded=True),
                data=self._body(exchange),
                headers=_forwarded(request.headers),
                allow_redirects=False,
            ) as response:
                await self._relay(response, exchange)
        except TimeoutError:
            await _fail(exchange, 504, "upstream-timeout", "The cloud did not answer in time.")
        except aiohttp.ClientError as error:
            problem = f"The cloud could not be reached or broke off ({type(error).__name__})."
            await _fail(exchange, 502, "upstream-unreachable", problem, f"{type(error).__name__}: {error}")

    def _body(self, exchange: Exchange) -> bytes:
        """The client's bytes; where they name the task instead of a model, the cloud's model in its place."""
        body = exchange.request.body
        if exchange.chat.model not in self._aliases:
            return body
        for span in reversed(json_spans(body)):
            if span.leaf and span.path == "model":
                body = body[: span.start] + json.dumps(self.model).encode() + body[span.end :]
        return body

    async def _relay(self, response: aiohttp.ClientResponse, exchange: Exchange) -> None:
        streamed = response.content_type == "text/event-stream"
        reader = AnswerReader(streamed=streamed, encoding=response.headers.get("content-encoding", ""))
        head = [*_relayed(response.raw_headers), *exchange.headers()]
        if not streamed:
            body = await response.read()
            reader.feed(body)
            reader.close()
            self._end(exchange, response.status, reader, complete=True)
            await exchange.reply.start(response.status, head)
            await exchange.reply.finish(body)
            return
        await exchange.reply.start(response.status, head)
        async for data in response.content.iter_any():
            if new := reader.feed(data):
                exchange.recording.chunk(new)
            if reader.done:  # a client may have read enough here, so this counts as the last byte
                self._end(exchange, response.status, reader, complete=True)
            await exchange.reply.chunk(data)
        reader.close()
        self._end(exchange, response.status, reader, complete=reader.finish_reason != "unknown")
        await exchange.reply.finish()

    def _end(self, exchange: Exchange, status: int, reader: AnswerReader, *, complete: bool) -> None:
        failed = status >= 400 or bool(reader.error)
        model = reader.model or self.model
        exchange.end(
            response_text=reader.text,
            outcome="error" if failed else "ok" if complete else "interrupted",
            finish_reason=reader.finish_reason,
            model_answered=reader.model,
            usage=reader.usage,
            cost_usd=None if failed else self._price(model, reader.usage, exchange.recording.started_at),
            status=status,
            error=reader.error or ("" if complete else "the stream stopped before its end"),
        )


class ModelUpstream:
    """A ``Model`` in the cloud's place, such as the simulated one."""

    passes_on = False

    def __init__(self, model: Model, price: Price, max_tokens: int) -> None:
        self.model = model.info.name
        self.simulated = model.info.simulated
        self._model = model
        self._price = price
        self._max_tokens = max_tokens

    async def close(self) -> None:
        """Nothing is held."""

    async def answer(self, exchange: Exchange) -> None:
        chat = exchange.chat
        try:
            request = Request(
                messages=messages_of(chat),
                max_tokens=chat.max_completion_tokens or chat.max_tokens or self._max_tokens,
            )
        except ValueError as error:
            await exchange.refuse(400, "not-supported", f"{self.model} answers text only: {error}.")
            return
        try:
            completion = await asyncio.to_thread(self._model.generate, request)
        except InsourceError as error:
            await exchange.refuse(502, error.code, error.message)
            return
        completion = completion.model_copy(update={"model": completion.model or self.model})
        cost = self._price(completion.model, completion.usage, exchange.recording.started_at)
        await exchange.deliver(completion, cost)


async def _fail(exchange: Exchange, status: int, code: str, message: str, error: str = "") -> None:
    """An upstream that fails before its answer is an error; within a stream, the answer is cut short."""
    if not exchange.reply.started:
        await exchange.refuse(status, code, message, error=error)
        return
    exchange.end(outcome="interrupted", error=error or message)
    await exchange.reply.finish(event(error_body(status, code, message)))


def _forwarded(headers: Headers) -> list[tuple[str, str]]:
    kept = _without_hop_by_hop(headers, _NOT_FORWARDED)
    return [(name.decode(), value.decode("utf-8", "replace")) for name, value in kept]


def _relayed(headers: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return _without_hop_by_hop([(name.lower(), value) for name, value in headers], HOP_BY_HOP)


def _without_hop_by_hop(headers: Headers, unwanted: frozenset[bytes]) -> Headers:
    """The headers that travel on; what ``connection`` lists does not, nor does anything of ours."""
    listed = {
        name.strip().lower() for key, value in headers if key == b"connection" for name in value.split(b",")
    }
    return [
        (name, value)
        for name, value in headers
        if name not in unwanted and name not in listed and not name.startswith(b"x-insource-")
    ]
