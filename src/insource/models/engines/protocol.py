"""What a client of a local engine can do, beside answering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Message


class EngineModel(Protocol):
    """One adapter (or none) on a running engine.

    ``tokenize_prompt`` and ``count_tokens`` go by the engine's own template and tokenizer; an engine without
    them raises ``ProviderError`` with the code ``engine-cannot``.
    """

    @property
    def info(self) -> ModelInfo: ...

    def generate(self, request: Request) -> Completion: ...

    def tokenize_prompt(self, request: Request) -> list[int]: ...

    def count_tokens(self, messages: Sequence[Message]) -> int: ...

    def close(self) -> None: ...
