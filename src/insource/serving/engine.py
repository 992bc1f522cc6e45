"""The interface of a local engine."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from insource.types import Frozen


class EngineSettings(Frozen):
    """What to serve and how: ``context_tokens`` per slot, ``threads`` for all slots together."""

    gguf: Path
    adapters: tuple[Path, ...] = ()
    alias: str = "insource"
    context_tokens: int = 2048
    slots: int = 1
    threads: int
    port: int = 0


class Engine(Protocol):
    """A server on loopback that runs between ``start`` and ``stop``."""

    @property
    def url(self) -> str: ...

    @property
    def api_key(self) -> str: ...

    @property
    def alive(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...
