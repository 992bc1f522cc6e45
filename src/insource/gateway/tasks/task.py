"""Answer calls of one task: by the local model, or by the cloud if the local answer is doubtful."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from insource.gateway.call.decisions_api import DecisionRequest, decisions_body
from insource.gateway.call.exchange import Attempt, Exchange
from insource.gateway.call.openai_api import document_of
from insource.gateway.settings import AUTO, GatewaySettings
from insource.gateway.tasks.cloud import Cloud, open_cloud
from insource.gateway.tasks.decisions import Decider
from insource.gateway.tasks.local import LocalAnswerer, prompt_of
from insource.routing.cascade import decide
from insource.types import Policy, Task

NOT_INSOURCED, OTHER_OPTIONS = "not-insourced", "other-options"

Elsewhere = Callable[[], Awaitable[None]]
"""Sends a call to the upstream that it would have gone to without the task, and answers with what comes."""


class InsourcedTask:
    """The task that this gateway answers.

    Raises:
        DataError: ``schema-not-supported`` if its output contract has no grammar.
    """

    def __init__(self, settings: GatewaySettings, task: Task, policy: Policy) -> None:
        self.task = task
        self.policy = policy
        self.local = (
            LocalAnswerer(
                settings.local,
                task,
                settings.ask or prompt_of(task, settings.max_tokens),
                settings.confidence,
            )
            if settings.local is not None
            else None
        )
        self.cloud: Cloud | None = None
        self._settings = settings
        self._decider = Decider(task.output)
        self._without_cloud = "no-cloud"
        self._threads = ThreadPoolExecutor(settings.local_slots, "insource-local")

    def open(self) -> None:
        """Open the cloud, in the event loop of the server."""
        self.cloud, self._without_cloud = open_cloud(self._settings, self.task)

    def close(self) -> None:
        if self.cloud is not None:
            self.cloud.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def models(self) -> list[str]:
        """The names of models that callers may ask for."""
        return [self.task.name, AUTO, *([self.cloud.model] if self.cloud else [])]

    def serves(self, model: str) -> bool:
        """Return whether this is the task's name, ``insource/auto`` or the name of its cloud's model."""
        return model in self.models

    def decides(self, model: str, asked: DecisionRequest) -> bool:
        """Return whether these questions are the task's: by the name of the model, or of themselves.

        A client of a hosted decision model names that model, and changes nothing but its base URL.
        """
        return self.serves(model) or (self.local is not None and self._decider.recognises(asked.questions))

    @property
    def passes_on(self) -> bool:
        """Return whether the task's cloud accepts requests for any model."""
        return self.cloud is not None and self.cloud.passes_on

    async def answer(self, exchange: Exchange) -> None:
        """Answer a chat completion and record its end."""
        assert exchange.chat is not None
        served = self.serves(exchange.model)
        document = document_of(exchange.chat) if served else None
        if not served and not self.passes_on:
            await exchange.refuse(404, "model-not-found", f"There is no model {exchange.model!r} here.")
        elif document is None or self.local is None:
            await self._escalate(exchange, NOT_INSOURCED if document is None else "local-failed")
        else:
            attempt = await self._attempt(exchange, self.local, document)
            to, reason = decide(self.policy, attempt.confidence, attempt.outcome)
            if to == "cloud":
                await self._escalate(exchange, reason)
            else:
                await self._serve_locally(exchange, reason)

    async def decide(self, exchange: Exchange, elsewhere: Elsewhere | None) -> None:
        """Answer typed questions and record the end; the cloud or ``elsewhere`` answers doubtful ones."""
        asked, reason = exchange.decisions, NOT_INSOURCED
        assert asked is not None
        if asked.document is not None and self._decider.answers(asked.questions):
            reason = "local-failed"
            if self.local is not None:
                attempt = await self._attempt(exchange, self.local, asked.document)
                to, reason = decide(self.policy, attempt.confidence, attempt.outcome)
                if to == "local":
                    if self._decided(exchange) is not None:
                        await self._serve_locally(exchange, reason)
                        return
                    reason = OTHER_OPTIONS
        if elsewhere is not None:
            exchange.take("cloud", exchange.model, reason)
            await elsewhere()
        elif self.serves(exchange.model):
            await self._escalate(exchange, reason)
        else:  # the cloud of the task may not serve the model that was named
            stays = exchange.admission.local_only or self.task.privacy == "local-only"
            await self._serve_or_refuse(exchange, reason, "local-only" if stays else "no-cloud")

    async def _attempt(self, exchange: Exchange, local: LocalAnswerer, document: str) -> Attempt:
        loop = asyncio.get_running_loop()
        exchange.attempt = await loop.run_in_executor(self._threads, local.answer, document)
        return exchange.attempt

    def _decided(self, exchange: Exchange) -> bytes | None:
        """Return the local attempt as the answer to typed questions, None if it does not answer them."""
        asked, attempt = exchange.decisions, exchange.attempt
        if asked is None or attempt is None or self.local is None:
            return None
        decided = self._decider.decide(asked.questions, attempt)
        name, identifier = self.local.model.info.name, exchange.recording.call_id
        return None if decided is None else decisions_body(asked.path, decided, name, identifier)

    async def _serve_locally(self, exchange: Exchange, reason: str) -> None:
        assert self.local is not None
        assert exchange.attempt is not None
        assert exchange.attempt.completion is not None
        name = self.local.model.info.name
        exchange.take("local", name, reason)
        completion = exchange.attempt.completion.model_copy(update={"model": name})
        await exchange.deliver(completion, body=self._decided(exchange))

    def _can_serve(self, exchange: Exchange) -> bool:
        if exchange.attempt is None or exchange.attempt.outcome != "valid":
            return False
        return exchange.decisions is None or self._decided(exchange) is not None

    async def _escalate(self, exchange: Exchange, reason: str) -> None:
        """Ask the cloud. Without one, serve the local answer if it fits the output contract."""
        cloud, without = self.cloud, self._without_cloud
        if exchange.admission.local_only and cloud is not None and not cloud.local:
            cloud, without = None, "local-only"
        if cloud is not None:
            exchange.take("cloud", cloud.model, reason, simulated=cloud.simulated)
            await cloud.answer(exchange)
        else:
            await self._serve_or_refuse(exchange, reason, without)

    async def _serve_or_refuse(self, exchange: Exchange, reason: str, without: str) -> None:
        if self._can_serve(exchange):
            await self._serve_locally(exchange, without)
        else:
            why = "the task is local-only" if without == "local-only" else "no cloud is configured"
            problem = f"The local model cannot answer this ({reason}), and {why}."
            detail = f"{problem} {exchange.attempt.error}" if exchange.attempt else problem
            await exchange.refuse(503, without, problem, error=detail)
