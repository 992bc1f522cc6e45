"""A served model with automatic restarts: an engine that dies is replaced, a limited number of times."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

from insource.foundation.errors import ProviderError
from insource.models.control_tokens import control_tokens_of
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import ModelInfo, Request
from insource.serving.engine import EngineSettings
from insource.serving.engines.llamacpp import LlamaCppEngine
from insource.types import Completion, Message

Answer = TypeVar("Answer")

MAX_RESTARTS = 2
GRACE_S = 2.0  # a dying process closes its sockets before its end is visible


class ServedModel:
    """Engine and model as one ``Model``; use it as a context manager.

    ``adapter`` is the index of one of the engine's adapters; None selects the base model. ``on_restart`` is
    called when a dead engine was replaced.

    Examples:
        >>> from pathlib import Path
        >>> from insource import Message, Request, ServedModel
        >>> from insource.serving.engine import EngineSettings
        >>> served = ServedModel("specs", EngineSettings(gguf=Path("base.gguf"), threads=2))
        >>> served.info
        ModelInfo(name='specs', local=True, simulated=False, replayed=False)
        >>> with served:  # doctest: +SKIP
        ...     served.generate(Request(messages=(Message(role="user", content="480 V"),), max_tokens=8)).text
        '{"voltage":"480 V"}'
    """

    def __init__(
        self,
        name: str,
        settings: EngineSettings,
        *,
        adapter: int | None = None,
        on_restart: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._info = ModelInfo(name=name, local=True)
        self._settings = settings
        self._adapter = adapter
        self._on_restart = on_restart
        self._restarts = 0
        self.engine = LlamaCppEngine(settings)
        self._model: LlamaCppModel | None = None

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def model(self) -> LlamaCppModel:
        """The client of the running engine."""
        if self._model is None:
            raise ProviderError("engine-unreachable", "The local engine is not running.")
        return self._model

    def start(self) -> None:
        self.engine.start()
        self._model = LlamaCppModel(
            self._info.name,
            self.engine.url,
            control_tokens_of(self._settings.gguf),
            adapter_scales=self._scales(self._adapter),
            api_key=self.engine.api_key,
        )

    def stop(self) -> None:
        if self._model is not None:
            self._model.close()
            self._model = None
        self.engine.stop()

    def generate(self, request: Request) -> Completion:
        """Return the answer; if the engine dies, ask its replacement.

        Raises:
            ProviderError: ``engine-died`` after ``MAX_RESTARTS`` replacements, else the engine's own error.
        """
        return self.generate_with(self._adapter, request)

    def generate_with(self, adapter: int | None, request: Request) -> Completion:
        """Return the answer of another adapter, or of the base model. Raises as ``generate``."""
        scales = self._scales(adapter)
        return self._ask(lambda model: model.generate(request, scales))

    def _scales(self, adapter: int | None) -> tuple[float, ...]:
        return tuple(float(index == adapter) for index in range(len(self._settings.adapters)))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has by the engine's own template and tokenizer.

        Raises as ``generate``.
        """
        plain = Request(messages=tuple(messages), max_tokens=1)
        return self._ask(lambda model: len(model.tokenize_prompt(plain)))

    def _ask(self, ask: Callable[[LlamaCppModel], Answer]) -> Answer:
        while True:
            try:
                return ask(self.model)
            except ProviderError as error:
                if not self.engine.ends(GRACE_S if error.code == "engine-unreachable" else 0.0):
                    raise
                self._replace(error)

    def _replace(self, error: ProviderError) -> None:
        tail = self.engine.log_tail()
        if self._restarts >= MAX_RESTARTS:
            raise ProviderError(
                "engine-died",
                f"The local engine died {self._restarts + 1} times; the last time: {error.message}",
                details=tail,
                hint="Completed work is kept. Check the free memory, then run the same command again.",
            ) from error
        self._restarts += 1
        self._on_restart(error.message)
        self.stop()
        self.engine = LlamaCppEngine(self._settings)
        self.start()

    def __enter__(self) -> ServedModel:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def usable_cores() -> int:
    """Return the number of cores this process may use; more engine threads than that only slow it down."""
    return max(1, len(os.sched_getaffinity(0)))
