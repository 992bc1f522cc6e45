"""Escalate calls of a task: to an API, which gets the caller's own bytes, or to a ``Model``."""

from __future__ import annotations

import asyncio
from typing import Protocol

from insource.foundation.errors import InsourceError, UserError
from insource.gateway.call.asking import Asked, NotAnswered, Question, ask_upstream
from insource.gateway.call.exchange import Exchange
from insource.gateway.call.openai_api import CHAT_PATH, messages_of
from insource.gateway.call.relay import forward
from insource.gateway.call.tags import marks_in, with_model, without_marks
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.http.upstream import Upstream
from insource.gateway.settings import AUTO, GatewaySettings, HttpCloud, TaskSettings
from insource.models.protocol import Model, ModelInfo, Request
from insource.models.transport import require_allowed

# Members of a request that say how its answer is sent, which is read as a whole here.
_OF_THE_REPLY = ("stream", "stream_options", "metadata", "logprobs", "top_logprobs", "n")


class Cloud(Protocol):
    """What calls are escalated to.

    ``passes_on`` means that it accepts requests for any model, ``local`` that it runs on this machine.
    ``instead`` says what answers where no provider is asked, and is empty otherwise.
    """

    model: str
    instead: str
    passes_on: bool
    local: bool

    async def answer(self, exchange: Exchange) -> None:
        """Answer the call and record its end; an error is an answer too."""
        ...

    async def ask(self, exchange: Exchange, question: Question) -> Asked:
        """Return the answer to a question about the call's document; nothing is sent to the client.

        Raises:
            NotAnswered: with the reason.
        """
        ...

    def close(self) -> None: ...


def open_cloud(settings: GatewaySettings, own: TaskSettings) -> tuple[Cloud | None, str]:
    """Return the cloud that a task may ask, or None and the reason: ``no-cloud`` or ``local-only``.

    A local-only task gets no cloud beyond this machine, so its calls cannot leave.
    """
    cloud, task = own.cloud, own.task
    if cloud is None:
        return None, "no-cloud"
    if isinstance(cloud, HttpCloud):
        try:
            require_allowed(cloud.base_url, task.privacy)
        except UserError:
            return None, "local-only"
        inject = settings.pass_through.stream_usage == "inject"
        return HttpUpstream(cloud, own.reference, task=task.name, inject=inject), ""
    if task.privacy == "local-only" and not cloud.info.local:
        return None, "local-only"
    return ModelUpstream(cloud, settings, own.max_tokens), ""


class HttpUpstream:
    """An OpenAI-compatible API. It gets the caller's own bytes and key."""

    instead = ""
    passes_on = True

    def __init__(self, cloud: HttpCloud, reference: str, *, task: str, inject: bool) -> None:
        self.model = cloud.model
        self._task = task
        self._inject = inject
        self._base_url = cloud.base_url
        self._upstream = Upstream(
            UpstreamSettings(
                name=reference,
                base_url=cloud.base_url,
                timeout_s=cloud.timeout_s,
                connect_timeout_s=cloud.connect_timeout_s,
            )
        )
        self.local = self._upstream.local

    def close(self) -> None:
        self._upstream.pool.retire()

    async def answer(self, exchange: Exchange) -> None:
        """Forward the caller's bytes. If they name the task as the model, name the cloud's model instead."""
        body = exchange.request.body
        if marks_in(exchange.document):
            body = without_marks(body)
        own = exchange.model == AUTO or exchange.model.partition("@")[0] == self._task
        if own:
            body = with_model(body, self.model)
        exchange.provider = self._base_url
        exchange.model = self.model if own else exchange.model
        path = CHAT_PATH if exchange.decisions is None else exchange.decisions.path
        await forward(exchange, self._upstream, path, body, inject=self._inject)

    async def ask(self, exchange: Exchange, question: Question) -> Asked:
        """Ask as the caller's request does, with other messages and another format."""
        document = {k: v for k, v in (exchange.document or {}).items() if k not in _OF_THE_REPLY}
        messages = [message.model_dump() for message in question.messages]
        document |= {"model": self.model, "messages": messages}
        form = document.pop("response_format", None)
        if isinstance(form, dict) and form.get("type") == "json_schema" and question.json_schema is not None:
            named = {"name": "answer", "schema": question.json_schema}
            form = {"type": "json_schema", "json_schema": named}
        if form is not None:
            document["response_format"] = form
        return await ask_upstream(exchange, self._upstream, CHAT_PATH, self._base_url, document)


def _instead(info: ModelInfo) -> str:
    if info.simulated:
        return "simulated cloud"
    return "recorded answer" if info.replayed else ""


class ModelUpstream:
    """A ``Model`` in place of an API, such as the simulated cloud or recorded answers."""

    passes_on = False

    def __init__(self, model: Model, settings: GatewaySettings, max_tokens: int) -> None:
        self.model = model.info.name
        self.instead = _instead(model.info)
        self.local = model.info.local
        self._model = model
        self._settings = settings
        self._max_tokens = max_tokens

    def close(self) -> None:
        """Do nothing, because nothing is open."""

    async def ask(self, exchange: Exchange, question: Question) -> Asked:
        request = Request(
            messages=question.messages, max_tokens=self._max_tokens, json_schema=question.json_schema
        )
        try:
            completion = await asyncio.to_thread(self._model.generate, request)
        except InsourceError as error:
            raise NotAnswered(error.message) from error
        completion = completion.model_copy(update={"model": completion.model or self.model})
        at = exchange.recording.started_at
        priced = self._settings.priced(completion.model, completion.usage, at, "", None)
        return Asked(completion, priced)

    async def answer(self, exchange: Exchange) -> None:
        chat = exchange.chat
        if chat is None:
            await exchange.refuse(400, "not-supported", f"{self.model} answers chat completions only.")
            return
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
            await exchange.refuse(502, error.code, error.message, sent=True)
            return
        completion = completion.model_copy(update={"model": completion.model or self.model})
        at = exchange.recording.started_at
        priced = self._settings.priced(completion.model, completion.usage, at, "", None)
        await exchange.deliver(completion, priced)
