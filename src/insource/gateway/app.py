"""The gateway: one task behind OpenAI's API, answered here where the policy lets it, else by the cloud.

A client changes its base URL and nothing else. Everything is on record before its last byte is out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from insource.errors import InsourceError
from insource.gateway.cloud import Cloud, open_cloud
from insource.gateway.exchange import Exchange, describe_policy
from insource.gateway.http import Disconnected, HttpReply, HttpRequest, Receive, Send, TooLarge
from insource.gateway.local import LocalAnswerer
from insource.gateway.openai_api import ChatRequest, document_of, event, models_body, parse_chat
from insource.gateway.openai_api import error_body as openai_error
from insource.gateway.settings import AUTO, GatewaySettings
from insource.routing.cascade import decide

_LOG = logging.getLogger(__name__)

CHAT = "/v1/chat/completions"
NOT_INSOURCED = "not-insourced"


def create_app(settings: GatewaySettings) -> Gateway:
    """The gateway as an ASGI application; it needs the lifespan protocol.

    Raises:
        DataError: ``schema-not-supported`` when the task's output contract has no grammar.
    """
    return Gateway(settings)


class Gateway:
    """``POST /v1/chat/completions``, ``GET /v1/models``, ``GET /health``."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._local = (
            LocalAnswerer(settings.local, settings.task, settings.max_tokens, settings.confidence)
            if settings.local is not None
            else None
        )
        self._cloud: Cloud | None = None
        self._without_cloud = "no-cloud"
        self._local_threads = ThreadPoolExecutor(settings.local_slots, "insource-local")
        self._drain_failures = 0
        self._routes = {CHAT: ("POST", self._chat), "/v1/models": ("GET", self._models)}
        self._routes["/health"] = ("GET", self._health)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            with contextlib.suppress(asyncio.CancelledError):  # a second Ctrl-C: end now, log drained later
                await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(HttpRequest(scope, receive), HttpReply(send))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._cloud, self._without_cloud = open_cloud(self._settings)
        drainer = asyncio.create_task(self._drain())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        drainer.cancel()
        await asyncio.gather(drainer, return_exceptions=True)
        if self._cloud is not None:
            await self._cloud.close()
        self._local_threads.shutdown(wait=False, cancel_futures=True)
        await self._flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _drain(self) -> None:
        while True:
            await asyncio.sleep(self._settings.drain_interval_s)
            await self._flush()

    async def _flush(self) -> None:
        try:
            await asyncio.to_thread(self._settings.recorder.flush)
        except InsourceError:  # the calls stay in the spool, and the next drain finds them
            self._drain_failures += 1

    async def _http(self, request: HttpRequest, reply: HttpReply) -> None:
        method, handler = self._routes.get(request.path, ("", None))
        if handler is None:
            await reply.error(404, "unknown-route", f"There is nothing at {request.method} {request.path}.")
        elif request.method != method:
            allow = [(b"allow", method.encode())]
            await reply.error(405, "method-not-allowed", f"{request.path} takes {method}.", allow)
        else:
            await handler(request, reply)

    async def _models(self, request: HttpRequest, reply: HttpReply) -> None:
        names = [self._settings.task.name, AUTO, *([self._cloud.model] if self._cloud else [])]
        await reply.whole(200, models_body(names))

    async def _health(self, request: HttpRequest, reply: HttpReply) -> None:
        alive = self._local is not None and self._settings.engine_alive()
        state = {
            "status": "ok" if alive else "degraded" if self._cloud else "down",
            "engine": {"configured": self._local is not None, "alive": alive},
            "cloud": {"configured": self._cloud is not None, "model": self._cloud and self._cloud.model},
            "policy": describe_policy(self._settings.policy),
            "log": {"lost": self._settings.recorder.lost, "drain_failures": self._drain_failures},
        }
        await reply.whole(503 if state["status"] == "down" else 200, msgspec.json.encode(state))

    async def _chat(self, request: HttpRequest, reply: HttpReply) -> None:
        try:
            await request.read(self._settings.max_body_bytes)
            kind = request.header("content-type").partition(";")[0].strip().lower()
            if kind != "application/json":
                problem = f"The content type has to be application/json, not {kind or 'absent'}."
                await self._turn_away(request, reply, 415, "unsupported-content-type", problem)
                return
            chat, described = parse_chat(request.body)
        except Disconnected:
            return
        except TooLarge:
            problem = f"The request is larger than {self._settings.max_body_bytes} bytes."
            await self._turn_away(request, reply, 413, "request-too-large", problem)
        except ValueError as error:
            await self._turn_away(
                request, reply, 400, "invalid-request", f"Not a chat completion request: {error}"
            )
        else:
            await request.cancelled_when_client_leaves(self._recorded(request, reply, chat, described))

    async def _turn_away(
        self, request: HttpRequest, reply: HttpReply, status: int, code: str, message: str
    ) -> None:
        """Refuse what is no chat completion, and record that a call was meant."""
        with contextlib.suppress(InsourceError):  # the answer is an error with or without the record
            described = {"path": request.path, "bytes": len(request.body), "refused": code}
            recording = self._settings.recorder.begin(described, model_asked="")
            recording.end(outcome="error", finish_reason="error", status=status, error=message)
        await reply.error(status, code, message)

    async def _recorded(
        self, request: HttpRequest, reply: HttpReply, chat: ChatRequest, described: dict[str, Any]
    ) -> None:
        """Answer, and see to it that the record has an end, whatever happens."""
        task = self._settings.task.name if self._is_ours(chat.model) else ""
        try:
            recording = self._settings.recorder.begin(described, model_asked=chat.model, task=task)
        except InsourceError as error:
            await reply.error(503, error.code, f"The call cannot be logged: {error.message}")
            return
        exchange = Exchange(request, reply, recording, chat, self._settings.policy)
        try:
            await self._answer(exchange)
        except asyncio.CancelledError:
            exchange.end(outcome="interrupted", error="the client hung up")
            raise
        except Exception as error:
            await self._break_off(exchange, error)

    async def _break_off(self, exchange: Exchange, error: Exception) -> None:
        code, message = "internal-error", "The gateway failed on this request."
        if isinstance(error, InsourceError):
            code, message = error.code, error.message
        else:
            _LOG.error("call %s failed", exchange.recording.call_id, exc_info=error)
        with contextlib.suppress(InsourceError):
            exchange.end(outcome="error", finish_reason="error", error=f"{type(error).__name__}: {error}")
        if exchange.reply.started:
            await exchange.reply.finish(event(openai_error(500, code, message)))
        else:
            await exchange.reply.error(503 if code != "internal-error" else 500, code, message)

    async def _answer(self, exchange: Exchange) -> None:
        ours = self._is_ours(exchange.chat.model)
        document = document_of(exchange.chat) if ours else None
        if not ours and (self._cloud is None or not self._cloud.passes_on):
            await exchange.refuse(404, "model-not-found", f"There is no model {exchange.chat.model!r} here.")
        elif document is None or self._local is None:
            await self._escalate(exchange, NOT_INSOURCED if document is None else "local-failed")
        else:
            loop = asyncio.get_running_loop()
            attempt = await loop.run_in_executor(self._local_threads, self._local.answer, document)
            exchange.attempt = attempt
            to, reason = decide(self._settings.policy, attempt.confidence, attempt.outcome)
            if to == "cloud":
                await self._escalate(exchange, reason)
            else:
                await self._serve_locally(exchange, reason)

    async def _serve_locally(self, exchange: Exchange, reason: str) -> None:
        assert self._local is not None
        assert exchange.attempt is not None
        assert exchange.attempt.completion is not None
        name = self._local.model.info.name
        exchange.take("local", name, reason)
        await exchange.deliver(exchange.attempt.completion.model_copy(update={"model": name}))

    async def _escalate(self, exchange: Exchange, reason: str) -> None:
        """Ask the cloud; without one, a local answer that fits the contract is better than none."""
        if self._cloud is not None:
            simulated = self._cloud.simulated
            exchange.take("cloud", self._cloud.model, reason, simulated=simulated)
            await self._cloud.answer(exchange)
        elif exchange.attempt is not None and exchange.attempt.outcome == "valid":
            await self._serve_locally(exchange, self._without_cloud)
        else:
            why = (
                "the task is local-only" if self._without_cloud == "local-only" else "no cloud is configured"
            )
            problem = f"The local model cannot answer this ({reason}), and {why}."
            detail = f"{problem} {exchange.attempt.error}" if exchange.attempt else problem
            await exchange.refuse(503, self._without_cloud, problem, error=detail)

    def _is_ours(self, model: str) -> bool:
        return model in (self._settings.task.name, AUTO, self._cloud.model if self._cloud else None)
