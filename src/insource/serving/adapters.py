"""The engines of several tasks: those with the same base model share one, each with its own adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from insource.serving.engine import EngineSettings
from insource.serving.shared_engine import AdapterModel, SharedEngine


class BaseEngine:
    """The engine of one base model, which starts for its first user and stops after its last.

    Adapters are loaded when it starts, so whoever has one has to ``join`` before.
    """

    def __init__(
        self,
        settings: EngineSettings,
        on_restart: Callable[[str], None],
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.settings = settings
        self._on_restart = on_restart
        self._note = note
        self._shared: SharedEngine | None = None
        self._users = 0

    @property
    def name(self) -> str:
        """What tells this engine from others: tasks with the same name share its slots."""
        return " ".join(_reached(self.settings))

    def join(self, settings: EngineSettings) -> str | None:
        """Make room for what ``settings`` serve; return the name of its adapter, None if it has none."""
        own, other = self.settings, settings
        adapters = list(own.adapters)
        adapters += [adapter for adapter in other.adapters if adapter not in adapters]
        limits = [one.memory_limit_bytes for one in (own, other) if one.memory_limit_bytes is not None]
        update = {
            "memory_limit_bytes": min(limits, default=None),
            "adapters": tuple(adapters),
            "context_tokens": max(own.context_tokens, other.context_tokens),
            "slots": max(own.slots, other.slots),
            "threads": max(own.threads, other.threads) if own.threads and other.threads else None,
        }
        self.settings = own.model_copy(update=update)
        return str(other.adapters[0]) if other.adapters else None

    @contextmanager
    def model(self, name: str, adapter: str | None) -> Iterator[AdapterModel]:
        """Yield the engine with this adapter. Raises as ``SharedEngine.start``."""
        if self._shared is None:
            adapters = {str(path): path for path in self.settings.adapters}
            shared = SharedEngine(self.settings, adapters, on_restart=self._on_restart, note=self._note)
            shared.start()
            self._shared = shared
        self._users += 1
        try:
            yield self._shared.model(name, adapter)
        finally:
            self._users -= 1
            if not self._users:
                self._shared.stop()
                self._shared = None


class Engines:
    """The engines of several tasks, by the file of their base model and by how the engine is reached.

    Tasks share an engine elsewhere only if both may ask it: each connection has its task's privacy and key.
    ``on_restart`` and ``note`` as ``SharedEngine``.
    """

    def __init__(
        self,
        on_restart: Callable[[str], None] = lambda reason: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._on_restart = on_restart
        self._note = note
        self._by_base: dict[tuple[str, ...], BaseEngine] = {}

    def of(self, settings: EngineSettings) -> BaseEngine:
        """Return the engine of a base model; ``join`` it with the same settings."""
        key = _reached(settings)
        found = self._by_base.get(key)
        if found is None:
            found = self._by_base[key] = BaseEngine(settings, self._on_restart, self._note)
        return found


def _reached(settings: EngineSettings) -> tuple[str, ...]:
    if not settings.url:
        return (str(settings.gguf),)
    asked = (settings.kind, settings.url, settings.model, settings.api_key_env, settings.privacy)
    return (str(settings.gguf), *asked)
