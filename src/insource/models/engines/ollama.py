"""A client for Ollama's own chat API.

Ollama has no grammars of llguidance, no adapter per request and no token ids. JSON answers are held to the
schema by its own converter, labels by nothing; there is no confidence. What it answers is validated like any
answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from insource.contract.grammar import JSON_GRAMMAR
from insource.foundation.errors import ProviderError
from insource.models.control_tokens import ControlTokens
from insource.models.engines.http import EngineHttp
from insource.models.engines.merged_schema import merged_schema
from insource.models.engines.vllm import refuse_control_tokens
from insource.models.llamacpp import FINISH_REASONS
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Message, Usage

KEEP_ALIVE = "30m"  # its default of five minutes unloads the model between two documents of a quiet hour


class OllamaModel:
    """One model of an Ollama server; an adapter is part of the model, as its Modelfile says."""

    def __init__(
        self, name: str, http: EngineHttp, served_as: str, control: ControlTokens, context_tokens: int
    ) -> None:
        self._info = ModelInfo(name=name, local=True)
        self._http = http
        self._served_as = served_as
        self._control = control
        self._context_tokens = context_tokens

    @property
    def info(self) -> ModelInfo:
        return self._info

    def close(self) -> None:
        self._http.close()

    def generate(self, request: Request) -> Completion:
        """Ask for one answer, without log-probabilities. ``latency_s`` is wall time.

        Raises:
            ProviderError: ``control-token``, ``model-timeout``, ``engine-unreachable``, ``engine-refused`` or
                ``engine-bad-answer``.
        """
        refuse_control_tokens(request.messages, self._control, self._http.name)
        started = time.monotonic()
        answer = self._http.post("/api/chat", to_wire(request, self._served_as, self._context_tokens))
        try:
            text = str(answer["message"]["content"])
        except (KeyError, TypeError) as error:
            raise ProviderError(
                "engine-bad-answer", f"The answer of {self._http.name} has no message: {str(answer)[:300]}"
            ) from error
        return Completion(
            text=text,
            finish_reason=FINISH_REASONS.get(answer.get("done_reason") or "", "unknown"),
            model=self._info.name,
            usage=Usage(input_tokens=answer.get("prompt_eval_count"), output_tokens=answer.get("eval_count")),
            latency_s=time.monotonic() - started,
        )

    def tokenize_prompt(self, request: Request) -> list[int]:
        """Raises ProviderError: ``engine-cannot``, always."""
        raise ProviderError(
            "engine-cannot",
            "Ollama does not say how it tokenises a prompt.",
            hint='Set engine = "llamacpp" in [serving] for this.',
        )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has, by asking for one token. Raises as ``generate``."""
        answer = self.generate(Request(messages=tuple(messages), max_tokens=1))
        return answer.usage.input_tokens or 0


def to_wire(request: Request, model: str, context_tokens: int) -> dict[str, Any]:
    """Return the request body for Ollama's chat endpoint."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [message.model_dump() for message in request.messages],
        "stream": False,
        "think": False,
        "keep_alive": KEEP_ALIVE,
        "options": {
            "temperature": request.temperature,
            "seed": request.seed,
            "num_predict": request.max_tokens,
            "num_ctx": context_tokens,
        },
    }
    schema = schema_of(request.grammar)
    if schema is not None:
        body["format"] = schema
    return body


def schema_of(grammar: str | None) -> dict[str, Any] | None:
    """Return the JSON Schema inside an llguidance grammar, in one part; None for another grammar."""
    _, found, text = (grammar or "").partition(JSON_GRAMMAR)
    if not found:
        return None
    schema: dict[str, Any] = json.loads(text)
    schema.pop("x-guidance", None)
    return merged_schema(schema)
