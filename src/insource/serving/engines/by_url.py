"""Engines that already run elsewhere: a `llama-server`, a vLLM server, an Ollama.

``start`` checks that the server is there, serves the base model that the adapter was trained on, and can do
what an answer needs. ``stop`` takes back what ``start`` loaded and leaves the server running.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.errors import IntegrityError, PrerequisiteError, ProviderError
from insource.models.control_tokens import TOKENS
from insource.models.engines.http import EngineHttp
from insource.models.engines.protocol import EngineModel
from insource.models.gguf_metadata import read_values
from insource.serving.engine import EngineSettings

PROBE_TIMEOUT_S = 30.0
ALIVE_TIMEOUT_S = 5.0


class Shape(NamedTuple):
    """What two files of one model have in common, whatever their quantisation."""

    vocabulary: int
    width: int


class EngineByUrl(ABC):
    """The common part: one connection, checked at the start."""

    title: str

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._running = False

    @property
    def url(self) -> str:
        return self.settings.url.rstrip("/")

    @property
    def api_key(self) -> str:
        name = self.settings.api_key_env
        if name and name not in os.environ:
            raise PrerequisiteError(
                "no-engine-key",
                f"The key of {self.name} is not set: {name} is no environment variable here.",
                hint=f"Set it: export {name}=…",
            )
        return os.environ[name] if name else ""

    @property
    def name(self) -> str:
        """The server in messages."""
        return f"{self.title} at {self.url}"

    @property
    def pid(self) -> int | None:
        return None

    @property
    def alive(self) -> bool:
        """Whether the server answers."""
        http = self.http(timeout_s=ALIVE_TIMEOUT_S)
        try:
            self.probe(http)
        except ProviderError:
            return False
        finally:
            http.close()
        return self._running

    def start(self) -> None:
        """Check the server.

        Raises:
            PrerequisiteError: ``engine-not-there``, ``no-engine-key``, ``engine-lacks-model``.
            IntegrityError: ``engine-other-model``.
            ProviderError: ``engine-cannot``, ``engine-refused``.
        """
        http = self.http(timeout_s=PROBE_TIMEOUT_S)
        try:
            try:
                self.probe(http)
            except ProviderError as error:
                if error.code not in {"engine-unreachable", "model-timeout"}:
                    raise
                raise PrerequisiteError(
                    "engine-not-there",
                    f"{self.name} does not answer.",
                    details=(error.message,),
                    hint=f"Start it: {self.start_command}\n      or correct serving.url",
                ) from error
            self.check(http)
        finally:
            http.close()
        self._running = True

    def stop(self) -> None:
        self._running = False

    def ends(self, within_s: float) -> bool:
        return False

    def log_tail(self, lines: int = 5) -> tuple[str, ...]:
        return ()

    @property
    @abstractmethod
    def start_command(self) -> str:
        """The command that starts such a server, for hints."""

    @abstractmethod
    def probe(self, http: EngineHttp) -> None:
        """Ask for a sign of life."""

    @abstractmethod
    def check(self, http: EngineHttp) -> None:
        """Check what is served, and load what has to be loaded."""

    @abstractmethod
    def client(self, name: str, adapter: int | None) -> EngineModel:
        """Connect to one of the adapters, or to the base model alone for None."""

    def http(self, **options: Any) -> EngineHttp:
        return EngineHttp(
            self.url,
            api_key=self.api_key or None,
            name=self.name,
            privacy=self.settings.privacy,
            **options,
        )

    def other_model(self, served: str, expected: str) -> IntegrityError:
        """Return the error for a server that has another model than the one that was trained."""
        return IntegrityError(
            "engine-other-model",
            f"{self.name} serves another model: {served}, and {self.settings.gguf.name} is {expected}.",
            hint=f"Start it with that model: {self.start_command}\n      or correct serving.model",
        )


def shape_of(gguf: Path) -> Shape:
    """Return the shape of a GGUF file; 0 for what it does not say."""
    architecture = read_values(gguf, "general.architecture").get("general.architecture", "")
    width = f"{architecture}.embedding_length"
    found = read_values(gguf, TOKENS, width)
    return Shape(len(found.get(TOKENS, ())), int(found.get(width, 0)))
