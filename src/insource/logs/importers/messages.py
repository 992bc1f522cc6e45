"""Chat messages and content parts in other tools' logs: which values are one, and the text they hold.

A log may hold an answer as JSON that was parsed on the way. Whether such a value is a message, or the model's
own JSON, is decided here by its keys: a message has the role of an answer, a known content key and no key
that messages do not have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from insource.formats.values import text

ANSWERS = frozenset(("assistant", "model", "ai"))
ROLES = ANSWERS | {"system", "developer", "user", "human", "tool", "function"}
CONTENT = ("content", "parts", "tool_calls", "function_call", "refusal")
_MESSAGE = frozenset(
    (
        *("role", *CONTENT, "name", "id", "type", "status", "audio", "annotations", "finish_reason"),
        *("reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks", "images"),
        *("provider_specific_fields", "additional_kwargs", "response_metadata", "usage_metadata"),
        *("invalid_tool_calls", "tool_call_id", "tool_name", "executed_tools", "model", "usage", "weight"),
        *("prefix", "logprobs", "citations", "gen_ai.system", "gen_ai.message.index", "event.name"),
    )
)


class _Part(NamedTuple):
    """A kind of content part: the keys of which it has at least one, and what else it may have."""

    one_of: tuple[str, ...]
    others: tuple[str, ...] = ()


_EVERY_PART = ("type", "id", "index", "cache_control", "providerOptions", "providerMetadata", "extras")
_TEXT_PART = _Part(("text", "content"), ("annotations", "citations", "logprobs"))
_TEXTS = {"text": _TEXT_PART, "output_text": _TEXT_PART}
_PARTS = {
    **_TEXTS,
    "thinking": _Part(("thinking", "content"), ("signature", "provider_name")),
    "redacted_thinking": _Part(("data",)),
    "reasoning": _Part(
        ("reasoning", "text", "content", "summary"), ("encrypted_content", "signature", "status")
    ),
    "refusal": _Part(("refusal",)),
    "tool_use": _Part(("name",), ("input", "caller", "partial_json")),
    "tool_call": _Part(("name",), ("arguments", "args", "builtin")),
    "tool-call": _Part(("toolName",), ("toolCallId", "input", "args", "providerExecuted")),
    "function_call": _Part(("name",), ("arguments", "call_id", "status")),
}


def is_message(value: Any, roles: frozenset[str] = ANSWERS) -> bool:
    """Whether a value is a chat message of one of these roles, and nothing else."""
    if not isinstance(value, dict) or not value.keys() <= _MESSAGE:
        return False
    role = value.get("role")
    return isinstance(role, str) and role in roles and any(key in value for key in CONTENT)


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of chat messages with an answer among them."""
    whole = isinstance(value, list) and all(is_message(one, ROLES) for one in value)
    return whole and any(one["role"] in ANSWERS for one in value)


def is_parts(value: Any) -> bool:
    """Whether a value is a list of content parts, one of them a text."""
    whole = isinstance(value, list) and all(_is_part(part) for part in value)
    return whole and any(part["type"] in _TEXTS for part in value)


def _is_part(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, dict) else None
    part = _PARTS.get(kind) if isinstance(kind, str) else None
    if part is None or not any(key in value for key in part.one_of):
        return False
    if kind in _TEXTS and not isinstance(value.get("text", value.get("content")), str):
        return False
    return set(value) <= {*part.one_of, *part.others, *_EVERY_PART}


def said(content: Any) -> str:
    """Return the text of a message's content: a text, the text of its parts, or a JSON value as JSON.

    A content that is JSON was parsed by the tool that wrote the log.
    """
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if isinstance(content, list) and content and all(_is_typed(part) for part in content):
        return "".join(_text_of(part) for part in content)
    return spelled(content)


def _is_typed(value: Any) -> bool:
    """Whether a value in a message's content is a part, of a known kind or of one that holds no text."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    if isinstance(kind, str) and kind in _PARTS:
        return _is_part(value)
    return kind in _MEDIA or (set(value) <= {"text", "thoughtSignature", "thought"} and "text" in value)


_MEDIA = (
    "image",
    "image_url",
    "input_image",
    "audio",
    "input_audio",
    "file",
    "document",
    "media",
    "blob",
    "uri",
)


def _text_of(part: Mapping[str, Any]) -> str:
    if part.get("type", "text") not in _TEXTS or part.get("thought") is True:
        return ""
    return text(part.get("text")) or text(part.get("content"))


def spelled(value: Any) -> str:
    """Return a text as it is, and any other JSON value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_completion(messages: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return messages as the choices of a chat completion."""
    choices = []
    for index, message in enumerate(messages):
        told = {name: value for name, value in message.items() if name != "finish_reason"}
        reason = {"finish_reason": message["finish_reason"]} if message.get("finish_reason") else {}
        choices.append({"index": index, **reason, "message": told})
    return {"choices": choices}
