"""A client for a cloud model with an OpenAI-compatible API."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from insource.foundation.clock import SYSTEM
from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.models.transport import Privacy, client
from insource.types import Completion, Usage
from insource.types.message import FinishReason

TIMEOUT_S = 120.0
ATTEMPTS = 4
LIMITED_ATTEMPTS = 6
"""Attempts where the provider says that there are too many calls: waiting helps."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
DOCUMENT_REFUSED = frozenset({400, 413, 422})  # the document is refused, not the account
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
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
        response = self._post(body)
        try:
            return from_wire(response.json(), self._info.name, time.monotonic() - started)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ProviderError(
                "provider-bad-answer", f"The answer of {self._info.name} has no choice: {response.text[:200]}"
            ) from error

    def _post(self, body: dict[str, Any]) -> httpx2.Response:
        for attempt in range(1, LIMITED_ATTEMPTS + 1):
            pause_s = min(FIRST_PAUSE_S * 2 ** (attempt - 1), LONGEST_PAUSE_S)
            try:
                response = self._client.post("chat/completions", json=body)
            except httpx2.HTTPError as error:
                if attempt >= ATTEMPTS:
                    raise ProviderError(
                        "provider-unreachable",
                        f"{self._info.name} does not answer: {error}",
                        hint="Check the network and reference.base_url.",
                    ) from error
            else:
                if response.is_success:
                    return response
                if response.status_code in DOCUMENT_REFUSED:
                    raise ProviderError(
                        "document-refused",
                        f"{self._info.name} refused this document ({response.status_code}): "
                        f"{response.text[:200]}",
                    )
                attempts = LIMITED_ATTEMPTS if response.status_code == 429 else ATTEMPTS
                if response.status_code not in RETRIED or attempt >= attempts:
                    raise ProviderError(
                        "provider-refused",
                        f"{self._info.name} answered {response.status_code}: {response.text[:200]}",
                        hint="Check the key named by reference.api_key_env, the model's name and the quota.",
                    )
                pause_s = asked_pause_s(response) or pause_s
            time.sleep(pause_s)
        raise AssertionError("the last attempt either returns or raises")


def asked_pause_s(response: httpx2.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3), at most ``LONGEST_PAUSE_S``."""
    said = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(said) - SYSTEM.now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_PAUSE_S) if math.isfinite(seconds) else None


def to_wire(request: Request, model: str) -> dict[str, Any]:
    """Return the request body for OpenAI's chat completions."""
    return {
        "model": model,
        "messages": [message.model_dump() for message in request.messages],
        "temperature": request.temperature,
        "max_completion_tokens": request.max_tokens,
        "seed": request.seed,
    }


def from_wire(answer: dict[str, Any], name: str, latency_s: float) -> Completion:
    """Convert OpenAI's answer to a Completion."""
    choice = answer["choices"][0]
    usage = answer.get("usage") or {}
    return Completion(
        text=choice["message"].get("content") or "",
        finish_reason=FINISH_REASONS.get(choice.get("finish_reason") or "", "unknown"),
        model=str(answer.get("model") or name),
        usage=Usage(
            input_tokens=usage.get("prompt_tokens"),
            output_tokens=usage.get("completion_tokens"),
            cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
            reasoning_tokens=(usage.get("completion_tokens_details") or {}).get("reasoning_tokens"),
        ),
        latency_s=latency_s,
    )
