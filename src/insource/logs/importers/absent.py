"""Content that a log does not hold: left out, or replaced by a placeholder that a tool documents.

The tag ``content: absent`` marks such calls. Their placeholders become neither a question nor an answer; the
raw record keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TAG = {"content": "absent"}
# The whole text of a content, as these tools write it in place of what was said.
PLACEHOLDERS = frozenset(
    (
        "redacted-by-litellm",  # LiteLLM, turn_off_message_logging
        "<fully masked due to failed mask function>",  # Langfuse's SDKs
        "__REDACTED__",  # OpenInference, hidden inputs and outputs
    )
)
_SCRUBBED = re.compile(r"\[Scrubbed due to '[^']*'\]")  # Logfire
_ASKED = ("messages", "prompt", "input", "contents", "system", "instructions", "inputText")
# What an answer or a message has beside its content.
_ABOUT = frozenset(
    (
        *("id", "object", "created", "created_at", "model", "usage", "system_fingerprint", "service_tier"),
        *("role", "type", "kind", "index", "name", "status", "finish_reason", "stop_reason", "event.name"),
    )
)


def is_placeholder(value: Any) -> bool:
    """Whether a value is the text of a placeholder, and nothing else."""
    if not isinstance(value, str):
        return False
    return value in PLACEHOLDERS or (value[:1] == "[" and _SCRUBBED.fullmatch(value) is not None)


def without_placeholders(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a call without placeholders, tagged when a question or an answer is absent.

    A part of the request that holds a placeholder is left out whole: the rest is not what was asked.
    """
    request, response = fields.get("request") or {}, fields.get("response")
    said = fields.get("response_text", "")
    redacted = [name for name in _ASKED if _holds_placeholder(request.get(name))]
    hidden = is_placeholder(said) or (not said and _holds_placeholder(response))
    if hidden:
        said, response = "", None
    asked = {name: value for name, value in request.items() if name not in redacted}
    held = said or _holds_content(response) or any(_holds_content(asked.get(name)) for name in _ASKED)
    if held and not (redacted or hidden):
        return dict(fields)
    tags = TAG | fields.get("tags", {})
    return {**fields, "request": asked, "response": response, "response_text": said, "tags": tags}


def _holds_placeholder(value: Any) -> bool:
    if isinstance(value, str):
        return is_placeholder(value)
    if isinstance(value, dict):
        return any(map(_holds_placeholder, value.values()))
    return isinstance(value, list) and any(map(_holds_placeholder, value))


def _holds_content(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_content(item) for name, item in value.items() if name not in _ABOUT)
    if isinstance(value, list):
        return any(map(_holds_content, value))
    return value is not None and value != "" and not isinstance(value, bool)
