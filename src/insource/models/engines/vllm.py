"""A client for a vLLM server: greedy by default, held to an llguidance grammar by its guidance backend."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from insource.foundation.errors import ProviderError
from insource.models.control_tokens import ControlTokens
from insource.models.engines.http import EngineHttp
from insource.models.llamacpp import FINISH_REASONS
from insource.models.protocol import ModelInfo, Request
from insource.models.token_bytes import token_bytes
from insource.types import Completion, Message, TokenLogprob, Usage

TOKEN_ID = "token_id:"
FORBIDDEN = -9999.0  # vLLM's log-probability of what the grammar forbids, which JSON has no number for


class VllmModel:
    """One model of a vLLM server: the base, or an adapter by the name under which it was loaded.

    Prompts go as token ids, by the server's own template and tokenizer. That tokenizer reads a control token
    that a message spells as the token, so such a message is refused. ``gguf`` has the bytes of the tokens.

    Log-probabilities are those under the grammar (vLLM 0.32): what it forbids has none, so a confidence does
    not see where the model wanted something else.
    """

    def __init__(
        self, name: str, http: EngineHttp, served_as: str, control: ControlTokens, gguf: Path
    ) -> None:
        self._info = ModelInfo(name=name, local=True)
        self._http = http
        self._served_as = served_as
        self._control = control
        self._bytes = token_bytes(gguf)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def close(self) -> None:
        self._http.close()

    def generate(self, request: Request) -> Completion:
        """Ask for one completion. ``latency_s`` is wall time from the request to the complete answer.

        Raises:
            ProviderError: ``control-token``, ``model-timeout``, ``engine-unreachable``, ``engine-refused`` or
                ``engine-bad-answer``.
        """
        started = time.monotonic()
        body = to_wire(request, self.tokenize_prompt(request), self._served_as)
        answer = self._http.post("/v1/completions", body)
        try:
            return self._from_wire(answer, time.monotonic() - started)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ProviderError(
                "engine-bad-answer", f"The answer of {self._http.name} cannot be read: {str(answer)[:300]}"
            ) from error

    def tokenize_prompt(self, request: Request) -> list[int]:
        """Return the prompt's token ids. Raises as ``generate``."""
        refuse_control_tokens(request.messages, self._control, self._http.name)
        messages = [message.model_dump() for message in request.messages]
        body = {"model": self._served_as, "messages": messages, "add_generation_prompt": True}
        return [int(token) for token in self._http.post("/tokenize", body)["tokens"]]

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has. Raises as ``generate``."""
        return len(self.tokenize_prompt(Request(messages=tuple(messages), max_tokens=1)))

    def _from_wire(self, answer: dict[str, Any], latency_s: float) -> Completion:
        choice = answer["choices"][0]
        usage = answer.get("usage") or {}
        return Completion(
            text=choice["text"] or "",
            finish_reason=FINISH_REASONS.get(choice.get("finish_reason") or "", "unknown"),
            model=self._info.name,
            usage=Usage(
                input_tokens=usage.get("prompt_tokens"), output_tokens=usage.get("completion_tokens")
            ),
            latency_s=latency_s,
            tokens=tuple(self._tokens(choice.get("logprobs"))),
        )

    def _tokens(self, logprobs: dict[str, Any] | None) -> list[TokenLogprob]:
        if not logprobs:
            return []
        rows = zip(logprobs["tokens"], logprobs["token_logprobs"], logprobs["top_logprobs"], strict=True)
        tokens = []
        for token, logprob, top in rows:
            place = _id(token)
            tokens.append(
                TokenLogprob(
                    id=place,
                    bytes=self._text(place),
                    logprob=logprob,
                    top=tuple(
                        (_id(other), value) for other, value in (top or {}).items() if value > FORBIDDEN
                    ),
                )
            )
        return tokens

    def _text(self, token: int) -> bytes:
        """Return what a token adds to the text: the stop token at the end of an answer adds nothing."""
        if token >= len(self._bytes) or token in self._control.by_spelling.values():
            return b""
        return self._bytes[token]


def to_wire(request: Request, prompt: list[int], model: str) -> dict[str, Any]:
    """Return the request body for vLLM's completion endpoint; ``prompt`` is token ids."""
    body: dict[str, Any] = {
        "model": model,
        "prompt": prompt,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
    }
    if request.grammar is not None:
        body["structured_outputs"] = {"grammar": request.grammar}
    if request.top_logprobs:
        body |= {"logprobs": request.top_logprobs, "return_tokens_as_token_ids": True}
    return body


def refuse_control_tokens(messages: Sequence[Message], control: ControlTokens, engine: str) -> None:
    """Check that no message spells a control token, for an engine that would read it as the token.

    Raises:
        ProviderError: ``control-token``.
    """
    for message in messages:
        if spelled := control.spelled_in(message.content):
            raise ProviderError(
                "control-token",
                f"The document spells {spelled[0]}, which {engine} would read as the end of a turn.",
                hint='Serve such documents with the embedded engine: set engine = "llamacpp" in [serving].',
            )


def _id(token: str) -> int:
    return int(token.removeprefix(TOKEN_ID))
