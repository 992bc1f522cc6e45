"""One engine for several tasks: those with the same base model share it, each with its own adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from insource.models.protocol import ModelInfo, Request
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.types import Completion, Message


class AdaptedModel:
    """A running engine with one of its adapters, or with none: a ``Model``."""

    def __init__(self, name: str, served: ServedModel, adapter: int | None) -> None:
        self._info = ModelInfo(name=name, local=True)
        self._served = served
        self._adapter = adapter

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def alive(self) -> bool:
        return self._served.engine.alive

    def generate(self, request: Request) -> Completion:
        """Answer with this adapter alone. Raises as ``ServedModel``."""
        completion = self._served.generate_with(self._adapter, request)
        return completion.model_copy(update={"model": self._info.name})

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has. Raises as ``ServedModel``."""
        return self._served.count_tokens(messages)


class SharedEngine:
    """An engine that starts for its first user and stops after its last.

    Adapters are loaded when it starts, so whoever has one has to ``join`` before.
    """

    def __init__(self, settings: EngineSettings, on_restart: Callable[[str], None]) -> None:
        self.settings = settings
        self._on_restart = on_restart
        self._served: ServedModel | None = None
        self._users = 0

    def join(self, settings: EngineSettings) -> int | None:
        """Make room for what ``settings`` serve; return the index of its adapter, None if it has none."""
        own, other = self.settings, settings
        adapters = list(own.adapters)
        adapters += [adapter for adapter in other.adapters if adapter not in adapters]
        update = {
            "adapters": tuple(adapters),
            "context_tokens": max(own.context_tokens, other.context_tokens),
            "slots": max(own.slots, other.slots),
            "threads": max(own.threads, other.threads),
        }
        self.settings = own.model_copy(update=update)
        return adapters.index(other.adapters[0]) if other.adapters else None

    @contextmanager
    def model(self, name: str, adapter: int | None) -> Iterator[AdaptedModel]:
        """Yield the engine with this adapter. Raises as ``ServedModel.start``."""
        if self._served is None:
            served = ServedModel(name, self.settings, on_restart=self._on_restart)
            served.start()
            self._served = served
        self._users += 1
        try:
            yield AdaptedModel(name, self._served, adapter)
        finally:
            self._users -= 1
            if not self._users:
                self._served.stop()
                self._served = None


class Engines:
    """The engines of several tasks, by the file of their base model. ``on_restart`` as ``ServedModel``."""

    def __init__(self, on_restart: Callable[[str], None] = lambda reason: None) -> None:
        self._on_restart = on_restart
        self._by_base: dict[Path, SharedEngine] = {}

    def of(self, settings: EngineSettings) -> SharedEngine:
        """Return the engine of a base model; ``join`` it with the same settings."""
        found = self._by_base.get(settings.gguf)
        if found is None:
            found = self._by_base[settings.gguf] = SharedEngine(settings, self._on_restart)
        return found
