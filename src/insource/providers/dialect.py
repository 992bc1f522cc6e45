"""The base of all dialects: the fields that a record takes from an answer, and how values are parsed."""

from __future__ import annotations

from typing import Any

import msgspec

from insource.formats.values import BadRecord, parse_json
from insource.types import FinishReason, Usage

MAX_COUNT = 2**53  # an upper bound for token counts; the store cannot hold more

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "eos": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "language": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "model_armor": "content_filter",
    "image_safety": "content_filter",
    "image_prohibited_content": "content_filter",
    "image_recitation": "content_filter",
    "error": "error",
    "failed": "error",
    "malformed_function_call": "error",
    "unexpected_tool_call": "error",
    "insufficient_system_resource": "error",
    "network_error": "error",
}

_decode = msgspec.json.Decoder().decode


class Dialect:
    """The parser of one answer, given as a whole document or event by event. Malformed values are ignored.

    ``answered`` is true once a part of the model's answer was read; a document of another form has none.
    ``awaited`` says what is to come where the document promises a later answer (otherwise empty).
    ``tolerant`` is true once JSON was read that is not strict; its texts may hold halves of characters.
    ``ended`` is true after the stream's own end marker. ``finished`` is true when every part of the answer
    has a finish reason; for streams without an end marker, this shows that the answer is complete.
    """

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.finish_reason: FinishReason = "unknown"
        self.ended = False
        self.answered = False
        self.awaited = ""
        self.tolerant = False

    def event(self, data: bytes) -> str:
        """Parse one event's data; return the new text."""
        if data == b"[DONE]":
            self.ended = True
            return ""
        document = self._decoded(data)
        return self._event(document) if isinstance(document, dict) else ""

    def whole(self, data: bytes) -> None:
        """Parse an answer that is one document."""
        document = self._decoded(data)
        if isinstance(document, dict):
            self._document(document)

    @property
    def text(self) -> str:
        return ""

    @property
    def response(self) -> dict[str, Any] | None:
        """The answer document as a call without streaming would have returned it."""
        return None

    @property
    def usage(self) -> Usage:
        return Usage()

    @property
    def finished(self) -> bool:
        return self.finish_reason != "unknown"

    def _decoded(self, data: bytes) -> Any:
        try:
            return _decode(data)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            self.tolerant = True
            return _tolerated(data)

    def _event(self, document: dict[str, Any]) -> str:
        return ""

    def _document(self, document: dict[str, Any]) -> None:
        pass


def decoded(data: bytes) -> Any:
    """Return the JSON value, or None for what is not JSON. ``NaN`` and halves of characters are accepted."""
    try:
        return _decode(data)
    except (ValueError, RecursionError):
        return _tolerated(data)


def _tolerated(data: bytes) -> Any:
    try:
        return parse_json(data.decode("utf-8", "replace"), halves=True)
    except BadRecord:
        return None


def finish_of(reason: Any) -> FinishReason:
    """Map a provider's finish reason to Insource's."""
    return _FINISH.get(reason.lower(), "unknown") if isinstance(reason, str) else "unknown"


def count(counts: Any, name: str) -> int | None:
    """Return the named token count; anything that is not a valid count is unknown (None)."""
    value = counts.get(name) if isinstance(counts, dict) else None
    countable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if countable else None


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def dicts(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; nothing for other values."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def error_of(document: dict[str, Any]) -> str:
    """Return the message of an error document of any provider; empty when there is no error."""
    error = document.get("error")
    if not error:
        return ""
    if isinstance(error, dict):
        return (
            string(error.get("message")) or string(error.get("code")) or string(error.get("type")) or "error"
        )
    return string(error) or "error"
