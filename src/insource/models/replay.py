"""Replay of logged answers at no cost: the cloud arm of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Message

CALL_FAILED = "call-failed"
"""The error of a call that failed when it was made: asking again would not be the same call."""


class ReplayModel:
    """Logged answers by prompt, unchanged. The latency is the logged one, or unknown.

    An answer is a text or a whole completion. ``failures`` gives the reasons of the calls that failed.
    """

    def __init__(
        self,
        name: str,
        answers: Mapping[tuple[Message, ...], str | Completion],
        latency_s: Mapping[tuple[Message, ...], float] | None = None,
        *,
        failures: Mapping[tuple[Message, ...], str] | None = None,
        simulated: bool = False,
    ) -> None:
        self._info = ModelInfo(name=name, local=False, simulated=simulated, replayed=True)
        self._answers = answers
        self._latency_s = latency_s or {}
        self._failures = failures or {}

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """Return the logged answer.

        Raises:
            ProviderError: ``call-failed`` when the logged call failed, ``not-logged`` when the log has no
                answer to this prompt.
        """
        answer = self._answers.get(request.messages)
        if answer is None and request.messages in self._failures:
            raise ProviderError("call-failed", self._failures[request.messages])
        if answer is None:
            raise ProviderError("not-logged", f"{self._info.name} has no logged answer for this document.")
        if isinstance(answer, Completion):
            return answer
        return Completion(text=answer, model=self._info.name, latency_s=self._latency_s.get(request.messages))
