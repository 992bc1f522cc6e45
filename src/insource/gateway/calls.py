"""Handle a request from its first byte to its last: route, read, admit, record, answer.

``Calls.handle`` is the whole way. Everything else here is one step of it. No byte leaves for an upstream
before the call is admitted and its start is on record.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from insource.foundation.errors import InsourceError
from insource.gateway.admission.ask import Admission, AdmissionRequest
from insource.gateway.call.decisions_api import DECISION_PATHS
from insource.gateway.call.exchange import CALL_ID, HUNG_UP, Exchange
from insource.gateway.call.openai_api import CHAT_PATH, models_body
from insource.gateway.call.read import (
    ReadCall,
    chat_request,
    decision_request,
    described,
    read_call,
    start_of_call,
    too_large,
)
from insource.gateway.call.relay import forward, pass_along
from insource.gateway.call.routes import Destination, UnknownRoute
from insource.gateway.call.tags import marks_in, tags_of, without_marks
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.http.asgi import Disconnected, HttpReply, HttpRequest, TooLarge
from insource.gateway.http.refused import Refused
from insource.gateway.live import Live
from insource.gateway.settings import AUTO, GatewaySettings
from insource.gateway.tasks.task import Elsewhere, InsourcedTask
from insource.gateway.tasks.tasks import Tasks
from insource.logs.call_values import CallEnd, CallStart
from insource.logs.later_answers import complete_later
from insource.providers import AnswerReader
from insource.providers.endpoints import brings_response
from insource.providers.errors import ApiDialect, error_document, error_event
from insource.providers.prices import Priced, first_priced
from insource.providers.tags import Tags
from insource.types import Call

_LOG = logging.getLogger(__name__)

_READS = ("GET", "HEAD", "OPTIONS")


class Calls:
    """Handles requests by one state of the settings; a reload makes another ``Calls``.

    ``settling`` collects the tasks that are still settling a cost, so that the gateway can wait for them.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        live: Live,
        tasks: Tasks,
        settling: set[asyncio.Task[None]],
    ) -> None:
        self._settings = settings
        self._live = live
        self._tasks = tasks
        self._settling = settling

    async def handle(self, request: HttpRequest, reply: HttpReply) -> None:
        """Route the request, read it, admit it, record it and answer it.

        A request that does not call a model, such as a list or a file, is forwarded without a record. A
        refusal is recorded.
        """
        call: ReadCall | None = None
        try:
            destination = self._live.routes.find(request.method, request.path, request.header)
            if await self._answered_here(request, reply, destination):
                return
            call = await read_call(request, reply, destination, self._live.settings)
            call = self._with_questions(call)
            insourced, own = self._task_for(call)
            call = call._replace(own=own)
            if insourced is not None and call.decisions is None:
                call = call._replace(chat=chat_request(call))
            admission = await self._admit(call, insourced)
            if destination.endpoint is None and not destination.batch:
                await self._pass_along(call, admission)
            elif (exchange := await self._record(call, insourced, admission)) is not None:
                await self._answer(call, insourced, exchange)
        except UnknownRoute as unknown:
            await self._not_found(request, reply, str(unknown))
        except Refused as refusal:  # only what comes after the routing refuses
            tags = tags_of(request, None, destination.task) if call is None else call.tags
            await self._turn_away(request, reply, destination.dialect, refusal, tags)
        except Disconnected:
            pass

    # Route

    async def _answered_here(self, request: HttpRequest, reply: HttpReply, destination: Destination) -> bool:
        """Answer what tasks have besides their calls: the list of models, and a wrong method.

        Raises:
            Refused: the caller may not see the list.
        """
        if not self._tasks.all or destination.named:
            return False
        if destination.path == "/v1/models" and request.method == "GET":
            await self._live.settings.admission.recognise(request.headers_and_key)
            await reply.whole(200, models_body(self._tasks.models))
            return True
        path = destination.path
        answered = path in (CHAT_PATH, *DECISION_PATHS)
        if answered and request.method != "POST" and destination.upstream is None:
            wrong = Refused(405, "method-not-allowed", f"{path} takes POST.", [(b"allow", b"POST")])
            body = error_document("openai", wrong.status, wrong.code, wrong.message)
            await reply.whole(wrong.status, body, wrong.headers)
            return True
        return False

    def _task_for(self, call: ReadCall) -> tuple[InsourcedTask | None, bool]:
        """Return the task that answers this call, None if an upstream does, and whether it is for the task.

        Raises:
            UnknownRoute: neither does.
            Refused: the call leaves open which task it is for.
        """
        destination, asked, found, own = call.destination, call.decisions, None, False
        named = call.tags.task or call.key_task
        if not destination.named and (asked is not None or destination.endpoint == "chat"):
            found = self._tasks.of(call.model, named, asked)
            own = found is not None and found.serves(call.model)
            if found is None and asked is None:
                found = self._tasks.elsewhere(named)
            unknown = destination.upstream is None or call.model == AUTO
            if found is None and unknown and self._tasks.all:
                if asked is None:
                    chat_request(call)  # what is no call at all is refused for that
                raise Refused(404, "model-not-found", f"There is no model {call.model[:200]!r} here.")
        if found is None and destination.upstream is None:
            raise UnknownRoute(f"No upstream is configured for {call.request.method} {call.request.path}.")
        return found, own

    def _with_questions(self, call: ReadCall) -> ReadCall:
        """Return the call with its typed questions, if it has some that this gateway may answer.

        Raises:
            Refused: they cannot be read, and there is no upstream that could say so.
        """
        destination = call.destination
        if not self._tasks.all or destination.endpoint != "decisions" or destination.named:
            return call
        try:
            return call._replace(decisions=decision_request(call))
        except Refused:
            if destination.upstream is None:
                raise
            return call

    # Admit

    async def _admit(self, call: ReadCall, insourced: InsourcedTask | None) -> Admission:
        """Ask whether the call may be made.

        Raises:
            Refused: it may not.
        """
        request, destination = call.request, call.destination
        upstream = destination.upstream.name if destination.upstream else ""
        model, tags, local = call.model, call.tags, False
        if insourced is not None:
            local = insourced.local is not None and (call.decisions is not None or call.own)
            if call.decisions is None or call.own:
                upstream = insourced.reference if insourced.passes_on else ""
            if (call.own or model == AUTO) and insourced.cloud is not None:
                model = insourced.cloud.model
            if call.decisions is not None or call.own:
                tags = replace(tags, task=insourced.task.name)
        asked = AdmissionRequest(
            method=request.method,
            path=destination.path,
            headers=request.headers_and_key,
            body=request.body,
            document=call.document,
            tags=tags,
            upstream=upstream,
            endpoint=destination.endpoint or "",
            model=model,
            local=local,
            likely_task="" if tags.task else call.likely_task,
            unread=call.unguessed,
            audit=request.audit is not None,
        )
        return await self._live.settings.admission.admit(asked)

    # Record

    async def _record(
        self, call: ReadCall, insourced: InsourcedTask | None, admission: Admission
    ) -> Exchange | None:
        """Record that the call starts. If that fails, answer with the error and return None."""
        task = call.tags.task if admission.task is None else admission.task
        if insourced is not None and (call.decisions is not None or call.own):
            task = insourced.task.name
        try:
            recording = self._settings.recorder.begin_call(start_of_call(call, admission.key_name, task))
        except InsourceError as error:
            await admission.settle(Decimal(0))
            message = f"The call cannot be logged: {error.message}"
            body = error_document(call.destination.dialect, 503, error.code, message)
            await call.reply.whole(503, body)
            return None
        destination = call.destination
        return Exchange(
            request=call.request,
            reply=call.reply,
            recording=recording,
            admission=admission,
            dialect=destination.dialect,
            endpoint=destination.endpoint or "other",
            document=call.document,
            priced=self._settings.priced,
            provider=destination.upstream.base_url if destination.upstream else "",
            model=call.model,
            streams=call.streams,
            own=call.own,
            chat=call.chat,
            decisions=call.decisions,
            tags=call.tags,
        )

    # Answer

    async def _answer(self, call: ReadCall, insourced: InsourcedTask | None, exchange: Exchange) -> None:
        """Answer by the task or the upstream; a client that disconnects cancels that."""
        if call.destination.batch:
            await self._to_its_end(exchange, self._batch(call, exchange))
            return
        if insourced is None:
            work = self._forward(call, exchange)
        elif call.decisions is None:
            work = insourced.answer(exchange)
        else:
            work = insourced.decide(exchange, self._elsewhere(call, insourced, exchange))
        await call.request.cancelled_when_client_leaves(self._to_its_end(exchange, work), call.reply)

    def _elsewhere(self, call: ReadCall, insourced: InsourcedTask, exchange: Exchange) -> Elsewhere | None:
        """Return how a question goes to the upstream of its path; None if the task's own cloud answers it."""
        destination = call.destination
        if destination.upstream is None or call.own:
            return None
        stays = exchange.admission.local_only or insourced.task.privacy == "local-only"
        if stays and not self._live.upstreams[destination.upstream.name].local:
            return None
        return partial(self._forward, call, exchange)

    async def _forward(self, call: ReadCall, exchange: Exchange) -> None:
        body = call.request.body
        if marks_in(call.document):
            body = without_marks(body)
        assert call.destination.upstream is not None
        upstream = self._live.upstreams[call.destination.upstream.name]
        inject = self._live.settings.stream_usage == "inject"
        await forward(exchange, upstream, call.destination.path, body, inject=inject)

    async def _batch(self, call: ReadCall, exchange: Exchange) -> None:
        """Forward a request that holds many calls. It may be as large as a file, so its body is not read."""
        assert call.destination.upstream is not None
        upstream = self._live.upstreams[call.destination.upstream.name]
        limit = self._live.settings.max_upload_bytes
        try:
            body = call.request.pieces(limit)
            await forward(exchange, upstream, call.destination.path, body, inject=False)
        except TooLarge:
            refusal = too_large(limit)
            await exchange.refuse(refusal.status, refusal.code, refusal.message)
        except Disconnected:
            exchange.end_as_read("interrupted", error=HUNG_UP)

    async def _to_its_end(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work``, and record an end of the call whatever happens in it."""
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
        """End a call in which something failed that nobody expected."""
        status, code, message = 500, "internal-error", "The gateway failed on this request."
        if isinstance(error, InsourceError):
            status, code, message = 503, error.code, error.message
        else:
            _LOG.error("call %s failed", exchange.recording.call_id, exc_info=error)
        with contextlib.suppress(InsourceError):
            said = f"{type(error).__name__}: {error}"
            exchange.end(CallEnd(outcome="error", finish_reason="error", error=said))
        if exchange.reply.started:
            await exchange.reply.finish(error_event(exchange.dialect, status, code, message))
        else:
            await exchange.reply.whole(status, error_document(exchange.dialect, status, code, message))

    async def _pass_along(self, call: ReadCall, admission: Admission) -> None:
        """Forward a request that does not call a model, and its answer, without a record.

        Raises:
            Refused: its body is too large.
        """
        request, destination = call.request, call.destination
        assert destination.upstream is not None
        upstream, limit = (
            self._live.upstreams[destination.upstream.name],
            self._live.settings.max_upload_bytes,
        )
        body: AsyncIterator[bytes] | None = None
        if request.header("content-length") or request.header("transfer-encoding"):
            body = request.pieces(limit)
        key = admission.upstream_key
        brings = brings_response(request.method, destination.path)
        later = partial(self._complete, destination.upstream) if brings else None
        try:
            await pass_along(
                request, call.reply, upstream, destination.path, body, destination.dialect, key, later
            )
        except TooLarge:
            raise too_large(limit) from None
        finally:
            await admission.settle(None)

    async def _complete(self, upstream: UpstreamSettings, reader: AnswerReader) -> None:
        """Complete the record of the call whose background response was read."""

        def price(call: Call, reader: AnswerReader) -> Priced:
            usage, at, response = reader.usage, call.started_at, reader.response
            return first_priced(
                (reader.model, call.model_asked),
                lambda name: self._settings.priced(name, usage, at, upstream.base_url, response),
            )

        try:
            await asyncio.to_thread(complete_later, self._settings.recorder, reader, upstream.name, price)
        except Exception as error:  # the caller must get the answer; the next request tries again
            said = error.code if isinstance(error, InsourceError) else repr(error)
            _LOG.warning("the record of a background response was not completed (%s)", said)

    # Refuse

    async def _not_found(self, request: HttpRequest, reply: HttpReply, message: str) -> None:
        """Answer that nothing is at this path. A request that only reads is not recorded."""
        dialect: ApiDialect = "anthropic" if request.header("anthropic-version") else "openai"
        refusal = Refused(404, "unknown-route", message)
        if request.method in _READS:
            await reply.whole(404, error_document(dialect, 404, refusal.code, message))
        else:
            await self._turn_away(request, reply, dialect, refusal, tags_of(request, None))

    async def _turn_away(
        self, request: HttpRequest, reply: HttpReply, dialect: ApiDialect, refusal: Refused, tags: Tags
    ) -> None:
        """Record the refusal, without content: a stranger must not fill the log. Then answer with it."""
        headers = refusal.headers
        with contextlib.suppress(InsourceError):  # the answer is an error with or without the record
            start = CallStart(
                request=described(request, request.path) | {"refused": refusal.code},
                model_asked="",
                source="gateway",
                task=tags.task,
                tags={"key": refusal.key_name} if refusal.key_name else None,
            )
            end = CallEnd(
                outcome="error", finish_reason="error", status=refusal.status, error=refusal.message
            )
            recording = self._settings.recorder.begin_call(start)
            recording.end_call(end)
            headers = [*headers, (CALL_ID, recording.call_id.encode())]
        body = error_document(dialect, refusal.status, refusal.code, refusal.message)
        await reply.whole(refusal.status, body, headers)
