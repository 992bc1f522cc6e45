"""Serve one task's model by itself: no cloud, no log and no policy, behind the interfaces of the gateway."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from insource.formats.values import BadRecord, parse_json
from insource.gateway.call.decisions_api import DECISION_PATHS, decisions_body, decisions_of
from insource.gateway.call.exchange import EVENT_STREAM, Attempt
from insource.gateway.call.openai_api import (
    CHAT_PATH,
    chat_of,
    completion_body,
    completion_events,
    document_of,
    models_body,
)
from insource.gateway.http.asgi import Disconnected, HttpReply, HttpRequest, Receive, Send, TooLarge
from insource.gateway.http.refused import Refused
from insource.gateway.server import HOST, PlainServer, listening, url_of
from insource.gateway.tasks.decisions import Decider
from insource.gateway.tasks.local import LocalAnswerer
from insource.providers.errors import error_document
from insource.types import Completion, Task

MAX_BODY_BYTES = 64 << 20


class Alone:
    """The ASGI application. Callers send ``api_key`` as a bearer token, so no web page can ask it."""

    def __init__(self, task: Task, answerer: LocalAnswerer, slots: int) -> None:
        self.api_key = secrets.token_urlsafe(24)
        self._task = task
        self._answerer = answerer
        self._decider = Decider(task.output)
        self._threads = ThreadPoolExecutor(slots, "insource-local")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._threads.shutdown(wait=False, cancel_futures=True)
            await send({"type": "lifespan.shutdown.complete"})
            return
        request, reply = HttpRequest(scope, receive), HttpReply(send)
        try:
            await self._answer(request, reply)
        except Refused as refusal:
            body = error_document("openai", refusal.status, refusal.code, refusal.message)
            await reply.whole(refusal.status, body, refusal.headers)
        except TooLarge:
            message = f"The request is larger than {MAX_BODY_BYTES} bytes."
            await reply.whole(413, error_document("openai", 413, "request-too-large", message))
        except Disconnected:
            pass

    async def _answer(self, request: HttpRequest, reply: HttpReply) -> None:
        """Answer one request.

        Raises:
            Refused: it has no answer here.
        """
        if request.path == "/health":
            await reply.whole(200, msgspec.json.encode({"status": "ok"}))
            return
        given, right = request.header("authorization"), f"Bearer {self.api_key}"
        if not hmac.compare_digest(given.encode(), right.encode()):  # of texts, only ASCII is compared
            raise Refused(401, "missing-key", "Send the key that `insource serve` printed as a bearer token.")
        if request.path == "/v1/models" and request.method == "GET":
            await reply.whole(200, models_body([self._task.name]))
        elif request.path not in (CHAT_PATH, *DECISION_PATHS):
            raise Refused(404, "unknown-route", f"There is nothing at {request.method} {request.path}.")
        elif request.method != "POST":
            message = f"{request.path} takes POST."
            raise Refused(405, "method-not-allowed", message, [(b"allow", b"POST")])
        else:
            await request.read(MAX_BODY_BYTES)
            answer = self._chat if request.path == CHAT_PATH else self._decide
            await answer(_parsed(request.body), reply)

    async def _chat(self, asked: dict[str, Any], reply: HttpReply) -> None:
        try:
            chat = chat_of(asked)
        except ValueError as error:
            raise Refused(400, "invalid-request", f"Not a chat completion request: {error}.") from error
        document = document_of(chat)
        if document is None:
            message = "This model answers one document as one user message of text, without tools or choices."
            raise Refused(400, "not-supported", message)
        completion = (await self._attempt(document))[0]
        identifier, created = secrets.token_hex(12), int(time.time())
        if not chat.stream:
            await reply.whole(200, completion_body(completion, identifier, created))
            return
        await reply.start(200, EVENT_STREAM)
        for data in completion_events(completion, identifier, created, include_usage=chat.include_usage):
            await reply.chunk(data)
        await reply.finish()

    async def _decide(self, asked: dict[str, Any], reply: HttpReply) -> None:
        try:
            wanted = decisions_of(asked)
        except ValueError as error:
            raise Refused(400, "invalid-request", f"Not a request for decisions: {error}.") from error
        if wanted.document is None or not self._decider.answers(wanted.questions):
            message = "This model answers questions about one text, with the options of its own task only."
            raise Refused(400, "not-supported", message)
        completion, attempt = await self._attempt(wanted.document)
        decided = self._decider.decide(wanted.questions, attempt)
        if decided is None:
            message = "The model's answer is none of the options of a question, or its confidence is unknown."
            raise Refused(422, "not-supported", message)
        body = decisions_body(wanted.path, decided, completion.model, secrets.token_hex(12))
        await reply.whole(200, body)

    async def _attempt(self, document: str) -> tuple[Completion, Attempt]:
        loop = asyncio.get_running_loop()
        attempt = await loop.run_in_executor(self._threads, self._answerer.answer, document)
        if attempt.completion is None or attempt.outcome != "valid":
            raise Refused(503, "local-failed", f"The model has no answer: {attempt.error}")
        name = self._answerer.model.info.name
        return attempt.completion.model_copy(update={"model": name}), attempt


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = parse_json(body.decode("utf-8", "replace"))
    except BadRecord as error:
        raise Refused(400, "invalid-request", f"The request is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise Refused(400, "invalid-request", "The request is JSON, but not an object.")
    return document


def serve_alone(app: Alone, *, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve on loopback until SIGTERM or SIGINT. ``on_ready`` gets the base URL, which ends in ``/v1``.

    Raises:
        PrerequisiteError: ``port-in-use``.
    """
    with listening(HOST, port) as listener:
        PlainServer(app, lambda: on_ready(url_of(listener))).run(sockets=[listener])
