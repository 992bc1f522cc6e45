"""A client for a cloud model with an OpenAI-compatible API."""

from __future__ import annotations

import time
from typing import Any

from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.models.structured import response_format
from insource.models.transport import Privacy, client, json_of, post, said_by
from insource.types import Completion, Usage
from insource.types.message import FinishReason

TIMEOUT_S = 120.0
FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
}


class OpenAIModel:
    """One model of an OpenAI-compatible provider. Requests that are safe to repeat are retried."""

    def __init__(self, name: str, base_url: str, api_key: str, privacy: Privacy) -> None:
        self._info = ModelInfo(name=name, local=False)
        self._client = client(
            base_url.rstrip("/") + "/", privacy=privacy, timeout_s=TIMEOUT_S, api_key=api_key
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """Return the provider's answer.

        Raises:
            ProviderError: ``document-refused`` when only this document is refused, ``provider-refused`` with
                the status and the provider's message, ``provider-unreachable``, ``provider-bad-answer``.
        """
        body = to_wire(request, self._info.name.partition("/")[2])
        started = time.monotonic()
        response = post(self._client, "chat/completions", body, name=self._info.name)
        latency_s = time.monotonic() - started
        try:
            return from_wire(json_of(response, self._info.name), self._info.name, latency_s)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ProviderError(
                "provider-bad-answer", f"The answer of {self._info.name} has no choice: {said_by(response)}"
            ) from error


def to_wire(request: Request, model: str) -> dict[str, Any]:
    """Return the request body for OpenAI's chat completions."""
    body = {
        "model": model,
        "messages": [message.model_dump() for message in request.messages],
        "temperature": request.temperature,
        "max_completion_tokens": request.max_tokens,
        "seed": request.seed,
    }
    if request.json_schema is not None:
        body["response_format"] = response_format(request.json_schema)
    return body


def from_wire(answer: dict[str, Any], name: str, latency_s: float) -> Completion:
    """Convert OpenAI's answer to a Completion."""
    choice = answer["choices"][0]
    declined = bool(choice["message"].get("refusal"))
    usage = answer.get("usage") or {}
    return Completion(
        text=choice["message"].get("content") or "",
        finish_reason="content_filter"
        if declined
        else FINISH_REASONS.get(choice.get("finish_reason") or "", "unknown"),
        model=str(answer.get("model") or name),
        usage=Usage(
            input_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens"),
            cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
            reasoning_tokens=(usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
        ),
        latency_s=latency_s,
    )
