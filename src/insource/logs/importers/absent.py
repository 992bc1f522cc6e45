"""Content that a log does not hold: left out, or replaced by a placeholder that a tool documents.

The tag ``content: absent`` marks such calls. Their placeholders become neither a question nor an answer; the
raw record keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
_ABOUT = frozenset(("id", "object", "created", "model", "usage"))


def is_placeholder(value: Any) -> bool:
    """Whether a value is the text of a placeholder, and nothing else."""
    return isinstance(value, str) and (value in PLACEHOLDERS or _SCRUBBED.fullmatch(value) is not None)


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
    nothing = (
        not said and not (response or {}).keys() - _ABOUT and not any(asked.get(name) for name in _ASKED)
    )
    if not (redacted or hidden or nothing):
        return dict(fields)
    tags = TAG | fields.get("tags", {})
    return {**fields, "request": asked, "response": response, "response_text": said, "tags": tags}


def _holds_placeholder(value: Any) -> bool:
    return any(map(is_placeholder, _texts(value)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
