"""The gateway: calls to a model pass through unchanged and on record; a task of ours is answered here.

A client changes its base URL and nothing else. Everything is on record before its last byte is out.
``_http`` is the way of a request: where to, is it a call, has it leave, on record, sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, MutableMapping
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from insource.foundation.errors import InsourceError
from insource.gateway.admission.ask import Admission
from insource.gateway.call.exchange import HUNG_UP, Exchange, describe_policy
from insource.gateway.call.openai_api import models_body
from insource.gateway.call.relay import forward, pass_along
from insource.gateway.call.routes import Destination, Routes, UnknownRoute
from insource.gateway.call.tags import ours, tags_of, without_our_marks
from insource.gateway.calls import Read, admitted, begin, parsed_chat, read_call, turn_away
from insource.gateway.http.asgi import Disconnected, HttpReply, HttpRequest, Receive, Send, TooLarge
from insource.gateway.http.refused import Refused
from insource.gateway.http.upstream import Upstream
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.gateway.tasks.task import InsourcedTask
from insource.logs.call_values import CallEnd
from insource.providers.errors import ApiDialect, error_document, error_event

_LOG = logging.getLogger(__name__)

CHAT = "/v1/chat/completions"
RETENTION_INTERVAL_S = 60.0
_READS = ("GET", "HEAD", "OPTIONS")


def create_app(settings: GatewaySettings) -> Gateway:
    """The gateway as an ASGI application; it needs the lifespan protocol.

    Raises:
        DataError: ``schema-not-supported`` when the task's output contract has no grammar.
        ConfigError: ``config-invalid`` for an upstream's base URL that is none.
    """
    return Gateway(settings)


class Live:
    """The part of a running gateway that a reload replaces: upstreams, admission and limits."""

    def __init__(self, settings: PassThrough, before: Live | None = None) -> None:
        known = {} if before is None else before.upstreams
        self.settings = settings
        self.routes = Routes(settings.upstreams)
        self.upstreams: dict[str, Upstream] = {}
        for wanted in settings.upstreams:
            found = known.get(wanted.name)
            keep = found is not None and found.settings == wanted
            self.upstreams[wanted.name] = found if found is not None and keep else Upstream(wanted)

    def retire(self, after: Live | None = None) -> None:
        """Take no more requests on connections that are not used any more; those under way finish."""
        kept = set() if after is None else set(after.upstreams.values())
        for upstream in self.upstreams.values():
            if upstream not in kept:
                upstream.pool.retire()


class Gateway:
    """The ASGI application."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._live = Live(settings.pass_through)
        self._desk: InsourcedTask | None = None
        if settings.task is not None and settings.policy is not None:
            self._desk = InsourcedTask(settings, settings.task, settings.policy)
        self._drain_failures = 0
        self._settling: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(HttpRequest(scope, receive), HttpReply(send))
        elif scope["type"] == "lifespan":
            with contextlib.suppress(asyncio.CancelledError):  # a second Ctrl-C: end now, log drained later
                await self._lifespan(receive, send)

    def reload(self, settings: PassThrough) -> None:
        """Serve calls that come from now on by these settings; those under way end by the old ones.

        Raises:
            ConfigError: as ``create_app``; everything then stays as it is.
        """
        before, self._live = self._live, Live(settings, self._live)
        before.retire(self._live)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if self._desk is not None:
            self._desk.open()
        drainer = asyncio.create_task(self._drain())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        drainer.cancel()
        await asyncio.gather(drainer, *self._settling, return_exceptions=True)
        self._live.retire()
        if self._desk is not None:
            self._desk.close()
        await self._flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        retained = loop.time() - RETENTION_INTERVAL_S
        while True:
            await asyncio.sleep(self._settings.drain_interval_s)
            await self._flush()
            if loop.time() - retained >= RETENTION_INTERVAL_S and not await self._retain():
                retained = loop.time()

    async def _flush(self) -> None:
        try:
            await asyncio.to_thread(self._settings.recorder.flush)
        except InsourceError:  # the calls stay in the spool, and the next drain finds them
            self._drain_failures += 1

    async def _retain(self) -> bool:
        """One turn of retention; whether there is more to remove."""
        settings = self._settings
        if settings.retention_days is None and settings.retention_gb is None:
            return False
        retain = partial(settings.recorder.retain, days=settings.retention_days, gb=settings.retention_gb)
        try:
            return (await asyncio.to_thread(retain)).more
        except InsourceError:
            self._drain_failures += 1
            return False

    async def _http(self, request: HttpRequest, reply: HttpReply) -> None:
        if request.path == "/health" and request.method in ("GET", "HEAD"):
            await self._health(reply)
            return
        if (
            request.method == "HEAD"
        ):  # its answer has a length and no body, which no client of these APIs wants
            await reply.whole(405, b"", [(b"allow", b"GET, POST, PUT, PATCH, DELETE")])
            return
        live = self._live
        try:
            destination = live.routes.find(request.method, request.path, request.header)
        except UnknownRoute as unknown:
            await self._nowhere(request, reply, str(unknown))
            return
        try:
            if self._desk is not None and await self._own_page(request, reply, destination):
                return
            if destination.endpoint is None:
                await self._pass_along(live, request, reply, destination)
            else:
                await self._call(live, request, reply, destination)
        except Disconnected:
            pass

    async def _nowhere(self, request: HttpRequest, reply: HttpReply, message: str) -> None:
        """Nothing is at this path. Only what may have been meant as a call is recorded."""
        dialect: ApiDialect = "anthropic" if request.header("anthropic-version") else "openai"
        refusal = Refused(404, "unknown-route", message)
        if request.method in _READS:
            await reply.whole(404, error_document(dialect, 404, refusal.code, message))
        else:
            tags = tags_of(request, None)
            await turn_away(self._settings.recorder, request, reply, dialect, refusal, tags)

    async def _own_page(self, request: HttpRequest, reply: HttpReply, destination: Destination) -> bool:
        """The list of models beside a task names it; without an upstream, there is little else."""
        assert self._desk is not None
        if destination.named:
            return False
        if destination.path == "/v1/models" and request.method == "GET":
            await reply.whole(200, models_body(self._desk.models))
            return True
        if destination.path == CHAT and request.method != "POST" and destination.upstream is None:
            wrong = Refused(405, "method-not-allowed", f"{CHAT} takes POST.", [(b"allow", b"POST")])
            body = error_document("openai", wrong.status, wrong.code, wrong.message)
            await reply.whole(wrong.status, body, wrong.headers)
            return True
        return False

    async def _health(self, reply: HttpReply) -> None:
        desk, live, recorder = self._desk, self._live, self._settings.recorder
        state: dict[str, Any] = {"status": "ok"}
        if desk is not None:
            alive = desk.local is not None and self._settings.engine_alive()
            state["status"] = "ok" if alive else "degraded" if desk.cloud or live.upstreams else "down"
            state["engine"] = {"configured": desk.local is not None, "alive": alive}
            state["cloud"] = {"configured": desk.cloud is not None, "model": desk.cloud and desk.cloud.model}
            state["policy"] = describe_policy(desk.policy)
        state["upstreams"] = {
            name: {"kind": upstream.settings.kind, "under_way": len(upstream.pool.busy)}
            for name, upstream in live.upstreams.items()
        }
        state["log"] = {
            "lost": recorder.lost,
            "damaged": recorder.damaged,
            "drain_failures": self._drain_failures,
        }
        await reply.whole(503 if state["status"] == "down" else 200, msgspec.json.encode(state))

    async def _pass_along(
        self, live: Live, request: HttpRequest, reply: HttpReply, destination: Destination
    ) -> None:
        upstream = await self._upstream_of(live, request, reply, destination)
        if upstream is None:
            return
        call = Read(None, "", False, tags_of(request, None, destination.task))
        try:
            admission = await admitted(request, destination, call, live.settings)
        except Refused as refused:
            await turn_away(self._settings.recorder, request, reply, destination.dialect, refused, call.tags)
            return
        if destination.batch:
            task = call.tags.task if admission.task is None else admission.task
            exchange = await self._begun(request, reply, destination, call, admission, task)
            if exchange is not None:
                await self._recorded(exchange, self._batch(live, exchange, destination))
            return
        body: AsyncIterator[bytes] | None = None
        if request.header("content-length") or request.header("transfer-encoding"):
            body = request.pieces(live.settings.max_upload_bytes)
        try:
            await pass_along(
                request, reply, upstream, destination.path, body, destination.dialect, admission.upstream_key
            )
        except TooLarge:
            message = f"The request is larger than {live.settings.max_upload_bytes} bytes."
            refusal = Refused(413, "request-too-large", message)
            await turn_away(self._settings.recorder, request, reply, destination.dialect, refusal, call.tags)
        finally:
            await admission.settle(None)

    async def _batch(self, live: Live, exchange: Exchange, destination: Destination) -> None:
        """Many calls in one request, which may be as long as a file: that it was made is on record."""
        assert destination.upstream is not None
        upstream, limit = live.upstreams[destination.upstream.name], live.settings.max_upload_bytes
        try:
            body = exchange.request.pieces(limit)
            await forward(exchange, upstream, destination.path, body, inject=False)
        except TooLarge:
            message = f"The request is larger than {limit} bytes."
            await exchange.refuse(413, "request-too-large", message)
        except Disconnected:
            exchange.end_as_read("interrupted", error=HUNG_UP)

    async def _begun(
        self,
        request: HttpRequest,
        reply: HttpReply,
        destination: Destination,
        call: Read,
        admission: Admission,
        task: str,
    ) -> Exchange | None:
        """The call on record; without the record there is no call."""
        try:
            return begin(self._settings, request, reply, destination, call, admission, task)
        except InsourceError as error:
            await admission.settle(Decimal(0))
            message = f"The call cannot be logged: {error.message}"
            await reply.whole(503, error_document(destination.dialect, 503, error.code, message))
            return None

    async def _upstream_of(
        self, live: Live, request: HttpRequest, reply: HttpReply, destination: Destination
    ) -> Upstream | None:
        if destination.upstream is not None:
            return live.upstreams[destination.upstream.name]
        message = f"No upstream is configured for {request.method} {request.path}."
        await self._nowhere(request, reply, message)
        return None

    async def _call(
        self, live: Live, request: HttpRequest, reply: HttpReply, destination: Destination
    ) -> None:
        recorder, dialect = self._settings.recorder, destination.dialect
        call: Read | None = None
        try:
            call = await read_call(request, destination, live.settings)
            desk = self._desk_for(destination, call)
            if desk is None and destination.upstream is None:
                await self._nowhere(request, reply, f"No upstream is configured for {request.path}.")
                return
            chat = parsed_chat(call) if desk is not None else None
            admission = await admitted(request, destination, call, live.settings, desk)
        except Refused as refusal:
            tags = call.tags if call is not None else tags_of(request, None, destination.task)
            await turn_away(recorder, request, reply, dialect, refusal, tags)
            return
        task = call.tags.task if admission.task is None else admission.task
        if desk is not None and desk.is_ours(call.model):
            task = desk.task.name
        exchange = await self._begun(request, reply, destination, call, admission, task)
        if exchange is None:
            return
        if desk is not None:
            exchange.chat, exchange.policy = chat, desk.policy
            work = desk.answer(exchange)
        else:
            work = self._forward(live, exchange, destination)
        await request.cancelled_when_client_leaves(self._recorded(exchange, work), reply)

    def _desk_for(self, destination: Destination, call: Read) -> InsourcedTask | None:
        """The task's desk, for chat completions that nobody addressed to an upstream by name."""
        desk = self._desk
        if desk is None or destination.named or destination.endpoint != "chat":
            return None
        if desk.is_ours(call.model) or desk.passes_on or destination.upstream is None:
            return desk
        return None

    async def _forward(self, live: Live, exchange: Exchange, destination: Destination) -> None:
        assert destination.upstream is not None
        body = exchange.request.body
        if ours(exchange.document):
            body = without_our_marks(body)
        inject = live.settings.stream_usage == "inject"
        upstream = live.upstreams[destination.upstream.name]
        await forward(exchange, upstream, destination.path, body, inject=inject)

    async def _recorded(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """See to it that the record has an end, whatever happens."""
        try:
            await work
        except asyncio.CancelledError:
            why = HUNG_UP if exchange.request.gone else "the gateway was stopped"
            with contextlib.suppress(InsourceError):
                exchange.end_as_read("interrupted", error=why)
            raise
        except Exception as error:
            await self._break_off(exchange, error)
        finally:
            if not exchange.settled:
                settling = asyncio.create_task(exchange.settle())
                self._settling.add(settling)
                settling.add_done_callback(self._settling.discard)

    async def _break_off(self, exchange: Exchange, error: Exception) -> None:
        code, message = "internal-error", "The gateway failed on this request."
        if isinstance(error, InsourceError):
            code, message = error.code, error.message
        else:
            _LOG.error("call %s failed", exchange.recording.call_id, exc_info=error)
        with contextlib.suppress(InsourceError):
            exchange.end(
                CallEnd(outcome="error", finish_reason="error", error=f"{type(error).__name__}: {error}")
            )
        status = 503 if code != "internal-error" else 500
        if exchange.reply.started:
            await exchange.reply.finish(error_event(exchange.dialect, status, code, message))
        else:
            body = error_document(exchange.dialect, status, code, message)
            await exchange.reply.whole(status, body)
