"""A client for a llama.cpp server: greedy by default, with grammar and adapter in every request."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, NamedTuple

from insource.foundation.errors import ProviderError
from insource.models.control_tokens import ControlTokens
from insource.models.engines.http import EngineHttp
from insource.models.engines.label_shares import LabelShares, label_shares, weights_of
from insource.models.protocol import ModelInfo, Request
from insource.models.transport import Privacy
from insource.types import Completion, Message, TokenLogprob, Usage
from insource.types.message import FinishReason

PLAIN_GRAMMAR, UNFORCED_GRAMMAR = "%llguidance {}", '%llguidance {"no_forcing": true}'
# Added to the logits of the labels' tokens, and to that of the stop token beside them (see ``_weights``). In
# single precision, logits of this size are exact to 1e-5, and a weight of exp(-80) is still a normal number.
ALLOWED_BIAS, STOP_BIAS = 60.0, 30.0
FINISH_REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class AnswerIds(NamedTuple):
    """An answer as token ids, its text, and whether it ended with a stop token."""

    tokens: tuple[int, ...]
    text: str
    stopped: bool


class LlamaCppModel:
    """One adapter (or none) on a running llama.cpp server.

    ``control`` are the control tokens of the served vocabulary. ``adapter_scales`` lists the scale of each
    adapter on the server. It is sent with every request; without it, llama.cpp may reuse the KV cache of
    another adapter and answer differently. ``engine`` names the server in messages.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        control: ControlTokens,
        *,
        adapter_scales: tuple[float, ...] = (),
        api_key: str | None = None,
        engine: str = "The local engine",
        privacy: Privacy = "local-only",
    ) -> None:
        self._control = control
        self._info = ModelInfo(name=name, local=True)
        self._lora = [{"id": index, "scale": scale} for index, scale in enumerate(adapter_scales)]
        self._label_tokens: dict[str, tuple[int, ...]] = {}
        self._http = EngineHttp(base_url, api_key=api_key, name=engine, privacy=privacy)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> LlamaCppModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def generate(self, request: Request) -> Completion:
        """Ask for one completion. ``latency_s`` is wall time from the request to the complete answer.

        Raises:
            ProviderError: ``model-timeout``, ``engine-unreachable``, ``engine-refused`` or
                ``engine-bad-answer``.
        """
        started = time.monotonic()
        request = request.model_copy(update={"grammar": self._unforced(request.grammar)})
        answer = self._http.post(
            "/v1/completions", to_wire(request, self.tokenize_prompt(request), self._lora)
        )
        return from_wire(answer, self._info.name, time.monotonic() - started)

    def answer_ids(self, request: Request) -> AnswerIds:
        """Answer a request and return every token's id, without log-probabilities.

        ``generate`` lists no token within a character that takes several: the engine has no text for it.
        Raises as ``generate``.
        """
        body = to_wire(request, self.tokenize_prompt(request), self._lora)
        body |= {"n_predict": request.max_tokens, "return_tokens": True}
        answer = self._http.post("/completion", body)
        return AnswerIds(tuple(answer["tokens"]), answer["content"], answer["stop_type"] == "eos")

    def next_tokens(self, prompt: Sequence[int], candidates: int) -> tuple[tuple[int, float], ...]:
        """Return the likeliest next tokens after these token ids, each with its log-probability.

        Empty where the engine lists none: the likeliest one ends within a character. Raises as ``generate``.
        """
        request = Request(messages=(), max_tokens=1, top_logprobs=candidates)
        answer = self._http.post("/v1/completions", to_wire(request, list(prompt), self._lora))
        tokens = from_wire(answer, self._info.name, 0.0).tokens
        return tokens[0].top if tokens else ()

    def label_shares(
        self, request: Request, labels: tuple[str, ...], stop: int, answer: Completion
    ) -> LabelShares:
        """Return the probabilities of the labels as the answer to a request; ``stop`` ends each.

        Without probabilities (``shares`` is empty) when two labels have the same tokens. Raises as
        ``generate``.
        """
        sequences = {label: (*self._tokens_of(label), stop) for label in labels}
        if len(set(sequences.values())) < len(labels):
            return LabelShares({}, 0)
        prompt = self.tokenize_prompt(request)

        def weigh(way: tuple[int, ...], after: Sequence[int]) -> dict[int, float]:
            return self._weights([*prompt, *way], after, stop)

        return label_shares(sequences, weigh, weights_of(answer))

    def _weights(self, prompt: list[int], after: Sequence[int], stop: int) -> dict[int, float]:
        """Return the weights of the tokens that may follow, in proportion to their probabilities.

        A bias far above all other tokens leaves these alone in the answer, whatever their rank. The stop
        token has a higher one still, so that it is what comes: of a token within a character, the engine
        would list nothing.
        """
        body = {
            "prompt": prompt,
            "n_predict": 1,
            "temperature": 1.0,
            "samplers": ["top_k"],
            "top_k": len({*after, stop}),
            "n_probs": len({*after, stop}),
            "post_sampling_probs": True,
            "logit_bias": [[token, ALLOWED_BIAS] for token in after if token != stop]
            + [[stop, ALLOWED_BIAS + STOP_BIAS]],
            "cache_prompt": True,
            "lora": self._lora,
        }
        answer = self._http.post("/completion", body)
        try:
            found = {one["id"]: one["prob"] for one in answer["completion_probabilities"][0]["top_probs"]}
        except (KeyError, IndexError, TypeError) as error:
            raise ProviderError(
                "engine-bad-answer",
                f"The local engine's answer has no probabilities: {json.dumps(answer)[:300]}",
            ) from error
        found[stop] = found.get(stop, 0.0) * math.exp(-STOP_BIAS)
        return {token: max(float(found.get(token, 0.0)), sys.float_info.min) for token in after}

    def _tokens_of(self, label: str) -> tuple[int, ...]:
        if label not in self._label_tokens:
            body = {"content": label, "add_special": False, "parse_special": False}
            self._label_tokens[label] = tuple(map(int, self._http.post("/tokenize", body)["tokens"]))
        return self._label_tokens[label]

    def tokenize_prompt(self, request: Request) -> list[int]:
        """Return the prompt's token ids, by the server's own template and tokenizer.

        The server's chat endpoint would read a control token that a message spells as the token, so requests
        carry token ids. Raises as ``generate``.
        """
        pieces = [*self._opening, *self._control.pieces(request.messages, self._render)]
        body = {"content": pieces, "add_special": bool(self._opening), "parse_special": False}
        return [int(token) for token in self._http.post("/tokenize", body)["tokens"]]

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens a prompt has. Raises as ``generate``."""
        return len(self.tokenize_prompt(Request(messages=tuple(messages), max_tokens=1)))

    @cached_property
    def _opening(self) -> list[str]:
        """An empty text for the server to set a BOS token before, if the model's template writes one.

        Where the server's tokenizer adds BOS, its ``/apply-template`` leaves the template's own out.
        """
        server = self._http.get("/props")
        writes = "bos_token" in server["chat_template"] or server["bos_token"] in server["chat_template"]
        return [""] if writes else []

    def _unforced(self, grammar: str | None) -> str | None:
        """Return the grammar such that text that it dictates cannot become a control token.

        The engine tokenises dictated text itself, and would end an answer at a spelling of the stop token.
        Without forcing, tokens are only held to the grammar's bytes, which control tokens do not have.
        """
        if grammar is None or not self._control.spelled_in(grammar.replace("\\", "")):
            return grammar
        return grammar.replace(PLAIN_GRAMMAR, UNFORCED_GRAMMAR, 1)

    def _render(self, messages: list[dict[str, str]]) -> str:
        return str(self._http.post("/apply-template", {"messages": messages})["prompt"])


def to_wire(request: Request, prompt: list[int], lora: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the request body for llama.cpp's completion endpoint; ``prompt`` is token ids."""
    body: dict[str, Any] = {
        "prompt": prompt,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "cache_prompt": True,
        "lora": lora,
    }
    if request.grammar is not None:
        body["grammar"] = request.grammar
    if request.top_logprobs:
        body["logprobs"] = request.top_logprobs
    return body


def from_wire(answer: dict[str, Any], name: str, latency_s: float) -> Completion:
    """Convert the answer to a Completion. A token without candidates keeps an empty ``top``.

    Raises:
        ProviderError: ``engine-bad-answer`` for an answer without a choice.
    """
    try:
        choice = answer["choices"][0]
        text = choice["text"] or ""
    except (KeyError, IndexError, TypeError) as error:
        raise ProviderError(
            "engine-bad-answer", f"The local engine's answer has no choice: {json.dumps(answer)[:300]}"
        ) from error
    usage = answer.get("usage") or {}
    return Completion(
        text=text,
        finish_reason=FINISH_REASONS.get(choice.get("finish_reason") or "", "unknown"),
        model=name,
        usage=Usage(input_tokens=usage.get("prompt_tokens"), output_tokens=usage.get("completion_tokens")),
        latency_s=latency_s,
        tokens=tuple(_token(entry) for entry in (choice.get("logprobs") or {}).get("content") or ()),
    )


def _token(entry: dict[str, Any]) -> TokenLogprob:
    return TokenLogprob(
        id=entry["id"],
        bytes=bytes(entry.get("bytes") or entry["token"].encode()),
        logprob=entry["logprob"],
        top=tuple((candidate["id"], candidate["logprob"]) for candidate in entry.get("top_logprobs") or ()),
    )
