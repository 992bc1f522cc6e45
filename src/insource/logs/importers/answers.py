"""What an importer reads from an answer: its text, finish reason, token counts and document."""

from __future__ import annotations

from typing import Any, NamedTuple

from insource.formats.values import text
from insource.providers.dialect import finish_of
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
