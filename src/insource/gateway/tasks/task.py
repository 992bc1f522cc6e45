"""Answer calls of one task: by the local model, or by the cloud if the local answer is doubtful."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from insource.gateway.call.exchange import Exchange
from insource.gateway.call.openai_api import document_of
from insource.gateway.settings import AUTO, GatewaySettings
from insource.gateway.tasks.cloud import Cloud, open_cloud
from insource.gateway.tasks.local import LocalAnswerer
from insource.routing.cascade import decide
from insource.types import Policy, Task

NOT_INSOURCED = "not-insourced"


class InsourcedTask:
    """The task that this gateway answers.

    Raises:
        DataError: ``schema-not-supported`` if its output contract has no grammar.
    """

    def __init__(self, settings: GatewaySettings, task: Task, policy: Policy) -> None:
        self.task = task
        self.policy = policy
        self.local = (
            LocalAnswerer(settings.local, task, settings.max_tokens, settings.confidence)
            if settings.local is not None
            else None
        )
        self.cloud: Cloud | None = None
        self._settings = settings
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
            loop = asyncio.get_running_loop()
            attempt = await loop.run_in_executor(self._threads, self.local.answer, document)
            exchange.attempt = attempt
            to, reason = decide(self.policy, attempt.confidence, attempt.outcome)
            if to == "cloud":
                await self._escalate(exchange, reason)
            else:
                await self._serve_locally(exchange, reason)

    async def _serve_locally(self, exchange: Exchange, reason: str) -> None:
        assert self.local is not None
        assert exchange.attempt is not None
        assert exchange.attempt.completion is not None
        name = self.local.model.info.name
        exchange.take("local", name, reason)
        await exchange.deliver(exchange.attempt.completion.model_copy(update={"model": name}))

    async def _escalate(self, exchange: Exchange, reason: str) -> None:
        """Ask the cloud. Without one, serve the local answer if it fits the output contract."""
        cloud, without = self.cloud, self._without_cloud
        if exchange.admission.local_only and cloud is not None and not cloud.local:
            cloud, without = None, "local-only"
        if cloud is not None:
            exchange.take("cloud", cloud.model, reason, simulated=cloud.simulated)
            await cloud.answer(exchange)
        elif exchange.attempt is not None and exchange.attempt.outcome == "valid":
            await self._serve_locally(exchange, without)
        else:
            why = "the task is local-only" if without == "local-only" else "no cloud is configured"
            problem = f"The local model cannot answer this ({reason}), and {why}."
            detail = f"{problem} {exchange.attempt.error}" if exchange.attempt else problem
            await exchange.refuse(503, without, problem, error=detail)
