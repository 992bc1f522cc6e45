"""Answers that were logged before, replayed at no cost: the cloud arm of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Message


class ReplayModel:
    """Logged answers by prompt, byte for byte. Latency is what was logged, or unknown."""

    def __init__(
        self,
        name: str,
        answers: Mapping[tuple[Message, ...], str],
        latency_s: Mapping[tuple[Message, ...], float] | None = None,
        *,
        simulated: bool = False,
    ) -> None:
        self._info = ModelInfo(name=name, local=False, simulated=simulated)
        self._answers = answers
        self._latency_s = latency_s or {}

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """The logged answer.

        Raises:
            ProviderError: ``not-logged`` when this prompt was never answered.
        """
        answer = self._answers.get(request.messages)
        if answer is None:
            raise ProviderError("not-logged", f"{self._info.name} has no logged answer for this document.")
        return Completion(text=answer, model=self._info.name, latency_s=self._latency_s.get(request.messages))
