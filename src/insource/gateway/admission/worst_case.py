"""Compute the most that a request can cost before it is sent, from its bytes and a price table.

This is a bound and not an estimate. A token of text is at least one byte of the request, so the length of
the body bounds its input. ``max_tokens`` bounds each answer. Where the bytes give no bound (an image by URL,
an earlier turn kept by the provider, no ``max_tokens``), the model's context window does. A request without
any bound is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from insource.gateway.admission.ask import AdmissionRequest
from insource.providers.output_limit import generation_config, output_limit, whole
from insource.providers.price_bound import HIDDEN_TOKENS, Price, dearest_usd

LEGACY_MAX_TOKENS = 16  # OpenAI's default of POST /v1/completions

_FREE_POSTS = ("/count_tokens", ":countTokens", "/cancel", "/files", "/input_tokens", "/moderations")
_PRICED = ("chat", "responses", "completions", "embeddings", "messages", "generate_content", "decisions")
_WRITE_NOTHING = ("embeddings", "decisions")  # they are charged for what they read
# Values that never raise the listed price of a token. Any other value may.
_LISTED_TERMS = {
    "service_tier": ("auto", "default", "standard", "standard_only", "flex", "scale"),
    "speed": ("standard",),
    "inference_geo": ("global",),
}
_TEXTUAL = (
    "text input_text output_text refusal message function function_call function_call_output tool_use "
    "tool_result thinking redacted_thinking reasoning reasoning_text summary_text custom custom_tool_call "
    "custom_tool_call_output ephemeral"
)
_TEXTUAL_TYPES = frozenset(_TEXTUAL.split())
_KEPT_ELSEWHERE = ("previous_response_id", "conversation", "cachedContent", "cached_content", "container")
_GEMINI_MEDIA = frozenset({"inlineData", "inline_data", "fileData", "file_data"})
_CLIENT_TOOLS = ("function", "custom", "bash_", "text_editor_", "computer_", "memory_")  # run by the caller
_CONVERSATION = ("messages", "input", "contents", "state", "system", "instructions", "systemInstruction")


class Unbounded(Exception):
    """Nothing bounds the cost of the request. The message names what is missing."""


def worst_case_usd(asked: AdmissionRequest, price: Price, now: datetime) -> Decimal:
    """Return the most that this request can cost, in US dollars; 0 for requests without a charge.

    Raises:
        Unbounded: the model or the endpoint has no known price, or the length has no bound.
    """
    if asked.method in ("GET", "HEAD", "DELETE", "OPTIONS") or asked.path.endswith(_FREE_POSTS):
        return Decimal(0)
    if asked.endpoint not in _PRICED:
        raise Unbounded(f"What {asked.method} {asked.path[:80]} costs is not known before it is done.")
    if asked.document is None:
        raise Unbounded("The request is not a JSON object, so nothing bounds its cost.")
    _require_priced_by_token(asked.document)
    sent = len(asked.body) + HIDDEN_TOKENS
    if _refers_elsewhere(asked.document):
        sent = max(sent, _window(asked.model, "it refers to content that is not in its bytes"))
    output = 0 if asked.endpoint in _WRITE_NOTHING else _output_tokens(asked, asked.document)
    worst = dearest_usd(price, asked.model, sent, output, now)
    if worst is None:
        raise Unbounded(f"The price of {asked.model or 'the model'} is not known.")
    return worst


def _output_tokens(asked: AdmissionRequest, document: Mapping[str, Any]) -> int:
    longest = output_limit(document)
    legacy = asked.endpoint == "completions"
    if not longest:
        longest = LEGACY_MAX_TOKENS if legacy else _window(asked.model, "it has no max_tokens")
    if document.get("prediction") is not None:  # its rejected tokens are charged as output
        longest += len(asked.body)
    choices = (document.get("n"), document.get("best_of"), generation_config(document).get("candidateCount"))
    prompts = document.get("prompt")
    several = len(prompts) if legacy and isinstance(prompts, list) else 1
    return longest * max(1, *(whole(number) for number in choices)) * max(1, several)


def _window(model: str, why: str) -> int:
    window = _context_window(model)
    if window is None:
        raise Unbounded(
            f"Nothing bounds what this request can cost: {why}, and the context window of "
            f"{model or 'the model'} is not known."
        )
    return window


def _require_priced_by_token(document: Mapping[str, Any]) -> None:
    for name, listed in _LISTED_TERMS.items():
        if document.get(name) is not None and document[name] not in listed:
            raise Unbounded(f"The price of this {name} is not known.")
    tools = document.get("tools")
    hosted = [tool for tool in tools if not _is_client_tool(tool)] if isinstance(tools, list) else []
    if document.get("context_management"):
        raise Unbounded("A compaction of the conversation is charged on its own, which no budget bounds.")
    if hosted or document.get("web_search_options") is not None or document.get("mcp_servers"):
        raise Unbounded("A tool that runs at the provider has a fee of its own, which no budget bounds.")


def _is_client_tool(tool: object) -> bool:
    if not isinstance(tool, dict):
        return True
    if (kind := tool.get("type")) is not None:
        return isinstance(kind, str) and kind.startswith(_CLIENT_TOOLS)
    return "input_schema" in tool or not tool.keys() - {"functionDeclarations", "function_declarations"}


def _refers_elsewhere(document: Mapping[str, Any]) -> bool:
    """Return whether the provider adds content that the bytes do not hold, or counts media by its size."""
    if any(document.get(name) is not None for name in _KEPT_ELSEWHERE):
        return True
    if isinstance(document.get("prompt"), dict):  # a prompt stored at the provider
        return True
    return any(_holds_more_than_text(document.get(name)) for name in _CONVERSATION)


def _holds_more_than_text(value: object) -> bool:
    rest = [value]  # a list instead of recursion, because the caller decides how deep it is nested
    while rest:
        item = rest.pop()
        if isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, dict):
            kind = item.get("type", "text")
            if not isinstance(kind, str) or kind not in _TEXTUAL_TYPES:
                return True
            if item.keys() & _GEMINI_MEDIA or item.get("audio") is not None:
                return True
            rest.extend(item.values())
    return False


@functools.lru_cache(4096)
def _context_window(model: str) -> int | None:
    from genai_prices.data_snapshot import get_snapshot  # takes a quarter of a second to load

    provider, slash, name = model.partition("/")
    for provider_id, reference in ([(provider, name)] if slash else []) + [(None, model)]:
        try:
            found = get_snapshot().find_provider_model(reference, None, provider_id, None)
        except LookupError:
            continue
        return found[1].context_window
    return None
