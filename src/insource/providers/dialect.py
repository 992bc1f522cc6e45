"""What every dialect has in common: the fields a record takes from an answer, and how values are read."""

from __future__ import annotations

from typing import Any

import msgspec

from insource.types import FinishReason, Usage

MAX_COUNT = 2**53  # beyond this no provider counts, and the store could not keep it

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
    """One answer, read as whole document or event by event. Subclasses read; odd values are passed over.

    ``ended`` is the stream's own end mark, ``finished`` whether every part of the answer says why it
    stopped: where a stream ends without a mark, that it is whole.
    """

    def __init__(self) -> None:
        self.model = ""
        self.error = ""
        self.finish_reason: FinishReason = "unknown"
        self.ended = False

    def event(self, data: bytes) -> str:
        """Read one event's data; returns the text that is new."""
        if data == b"[DONE]":
            self.ended = True
            return ""
        document = decoded(data)
        return self._event(document) if isinstance(document, dict) else ""

    def whole(self, data: bytes) -> None:
        """Read an answer that is one document."""
        document = decoded(data)
        if isinstance(document, dict):
            self._document(document)

    @property
    def text(self) -> str:
        return ""

    @property
    def response(self) -> dict[str, Any] | None:
        """The answer's document as a call without streaming would have given it."""
        return None

    @property
    def usage(self) -> Usage:
        return Usage()

    @property
    def finished(self) -> bool:
        return self.finish_reason != "unknown"

    def _event(self, document: dict[str, Any]) -> str:
        return ""

    def _document(self, document: dict[str, Any]) -> None:
        pass


def decoded(data: bytes) -> Any:
    """The JSON value, or None for what is not JSON."""
    try:
        return _decode(data)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


def finish_of(reason: Any) -> FinishReason:
    """Our word for a provider's reason to stop."""
    return _FINISH.get(reason.lower(), "unknown") if isinstance(reason, str) else "unknown"


def count(counts: Any, name: str) -> int | None:
    """A token count by name; what is not a count is unknown."""
    value = counts.get(name) if isinstance(counts, dict) else None
    countable = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if countable else None


def total(*counts: int | None) -> int | None:
    """The sum of what is known; unknown when the first count is."""
    return None if counts[0] is None else sum(known for known in counts if known is not None)


def string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; nothing for what is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def error_of(document: dict[str, Any]) -> str:
    """The message of an error document, whichever provider's; empty when it reports none."""
    error = document.get("error")
    if not error:
        return ""
    if isinstance(error, dict):
        return (
            string(error.get("message")) or string(error.get("code")) or string(error.get("type")) or "error"
        )
    return string(error) or "error"
