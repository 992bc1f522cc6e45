"""The interface of a local engine, and what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from insource.config.serving import EngineKind
from insource.models.engines.protocol import EngineModel
from insource.models.transport import Privacy
from insource.types import Frozen


class EngineSettings(Frozen):
    """What to serve and how: ``context_tokens`` per slot, ``threads`` for all slots together.

    Without a number of ``threads``, they are as many as the cores that other processes leave.

    ``kind`` is the engine. One that already runs is at ``url`` and knows the model as ``model`` (empty: the
    only one it has); its key is in the environment variable ``api_key_env``. ``gguf`` is the base model in
    any case: its vocabulary is needed here. ``memory_limit_bytes`` bounds the memory of a child process.
    """

    gguf: Path
    adapters: tuple[Path, ...] = ()
    alias: str = "insource"
    context_tokens: int = 2048
    slots: int = 1
    threads: int | None = None
    port: int = 0
    memory_limit_bytes: int | None = None
    kind: EngineKind = "llamacpp"
    url: str = ""
    model: str = ""
    api_key_env: str = ""
    privacy: Privacy = "local-only"


class Engine(Protocol):
    """A server that can be asked between ``start`` and ``stop``.

    It is a child process with a ``pid``, or it runs elsewhere and ``start`` and ``stop`` only connect.
    """

    @property
    def url(self) -> str: ...

    @property
    def api_key(self) -> str: ...

    @property
    def alive(self) -> bool: ...

    @property
    def pid(self) -> int | None: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def ends(self, within_s: float) -> bool:
        """Whether the child process has ended, or ends within that many seconds; False without one."""

    def log_tail(self, lines: int = 5) -> tuple[str, ...]:
        """Return the last lines of the child's log, for messages."""

    def client(self, name: str, adapter: int | None) -> EngineModel:
        """Connect to one of the adapters, or to the base model alone for None."""
