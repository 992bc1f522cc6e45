"""A served model with automatic restarts: an engine that dies is replaced, a limited number of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from insource.models.engines.label_shares import LabelShares
from insource.models.engines.protocol import EngineModel
from insource.models.protocol import ModelInfo, Request
from insource.serving.busy import usable_cores
from insource.serving.engine import Engine, EngineSettings
from insource.serving.shared_engine import MAX_RESTARTS, SharedEngine
from insource.types import Completion, Message

__all__ = ["MAX_RESTARTS", "ServedModel", "usable_cores"]


class ServedModel:
    """Engine and model as one ``Model``; use it as a context manager.

    ``adapter`` is the index of one of the engine's adapters; None selects the base model. ``on_restart`` is
    called when a dead engine was replaced, ``note`` with what slows the answers down.

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
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._info = ModelInfo(name=name, local=True)
        adapters = {str(place): path for place, path in enumerate(settings.adapters)}
        self._adapter = None if adapter is None else str(adapter)
        self._shared = SharedEngine(settings, adapters, on_restart=on_restart, note=note)

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def engine(self) -> Engine:
        """The running engine. Raises ProviderError: ``engine-unreachable``."""
        return self._shared.engine

    @property
    def model(self) -> EngineModel:
        """The client of the running engine, without restarts.

        Raises:
            ProviderError: ``engine-unreachable``.
        """
        return self._shared.client(self._adapter)

    def start(self) -> None:
        self._shared.start()

    def stop(self) -> None:
        self._shared.stop()

    def generate(self, request: Request) -> Completion:
        """Return the answer; if the engine dies, ask its replacement.

        Raises:
            ProviderError: ``engine-died`` after ``MAX_RESTARTS`` replacements, else the engine's own error.
        """
        answer = self._shared.ask(self._adapter, lambda model: model.generate(request))
        return answer.model_copy(update={"model": self._info.name})

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has by the engine's own template and tokenizer.

        Raises as ``generate``.
        """
        return self._shared.ask(self._adapter, lambda model: model.count_tokens(messages))

    def label_shares(
        self, request: Request, labels: tuple[str, ...], stop: int, answer: Completion
    ) -> LabelShares:
        """Return the probabilities of the labels as the answer to a request; ``stop`` ends each.

        Raises:
            ProviderError: ``engine-cannot`` for engines other than llama.cpp's; else as ``generate``.
        """
        return self._shared.label_shares(self._adapter, request, labels, stop, answer)

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
