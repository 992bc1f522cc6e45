"""What an importer reads from an answer: its text, finish reason, token counts and document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from insource.formats.values import count, text
from insource.providers.chat import read_chat_usage
from insource.providers.dialect import finish_of
from insource.providers.messages import read_messages_usage
from insource.providers.responses import read_responses_usage
from insource.types import FinishReason, Usage

# Finish reasons that ``insource.providers`` does not know.
_FINISH: dict[str, FinishReason] = {
    "complete": "stop",
    "tool_call": "tool_calls",
    "tool-calls": "tool_calls",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}


class Answer(NamedTuple):
    """An answer's text, finish reason, token counts, model, kind of call and document, as far as known."""

    text: str = ""
    finish_reason: FinishReason = "unknown"
    usage: Usage = Usage()
    model: str = ""
    endpoint: str = ""
    response: dict[str, Any] | None = None
    streamed: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the fields of ``Call`` that the answer determines."""
        return {
            "response": self.response,
            "response_text": self.text,
            "finish_reason": self.finish_reason,
            "usage": self.usage,
            "model_answered": self.model,
            "endpoint": self.endpoint,
            "streamed": self.streamed,
        }


def finish_reason(value: Any) -> FinishReason:
    """Map a provider's finish reason to Insource's."""
    word = text(value).lower()
    return _FINISH.get(word) or finish_of(word)


def read_usage(counts: Mapping[str, Any]) -> Usage:
    """Parse token counts of any provider, given without their answer."""
    if "prompt_tokens" in counts:
        usage = read_chat_usage(counts)
        more = {  # LiteLLM passes on Anthropic's counts beside OpenAI's
            "cached_tokens": count(counts.get("cache_read_input_tokens")),
            "cache_write_tokens": count(counts.get("cache_creation_input_tokens")),
        }
        missing = {name: value for name, value in more.items() if getattr(usage, name) is None}
        return usage.model_copy(update=missing)
    if "input_tokens_details" in counts:
        return read_responses_usage(counts)
    if "inputTokens" in counts:
        counts = {
            "input_tokens": counts["inputTokens"],
            "output_tokens": counts.get("outputTokens"),
            "cache_read_input_tokens": counts.get("cacheReadInputTokens"),
            "cache_creation_input_tokens": counts.get("cacheWriteInputTokens"),
        }
    return read_messages_usage(counts)
