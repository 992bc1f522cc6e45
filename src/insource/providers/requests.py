"""Read the messages of a request and the text of an answer, in any supported API format.

Supported: OpenAI chat, responses, legacy completions and decisions, Anthropic messages, Gemini, System One.
Malformed documents never raise, because a log holds whatever clients sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from insource.formats.values import obj, text

MARK = "\x02"
"""Starts a message in the flattened text, followed by the letter of its role; removed from clients' text."""

SYSTEM, USER, ASSISTANT, TOOL, END = (MARK + letter for letter in "suate")

_ROLES = {
    "system": SYSTEM,
    "developer": SYSTEM,
    "assistant": ASSISTANT,
    "model": ASSISTANT,
    "tool": TOOL,
    "function": TOOL,
}


def read_answer(response: Any, response_text: str) -> str:
    """Return the answer's text; without text, the arguments of its first tool call."""
    if response_text or not isinstance(response, dict):
        return response_text
    import msgspec

    for call in _tool_calls(response):
        arguments = call.get("arguments", call.get("input"))
        if isinstance(arguments, str):
            return arguments
        if isinstance(arguments, dict):
            return msgspec.json.encode(arguments).decode()
    return ""


def called_tool(response: Any) -> bool:
    """Whether the answer calls a tool."""
    return isinstance(response, dict) and next(_tool_calls(response), None) is not None


def arguments_in(response: Any) -> str:
    """Return the arguments of every tool call of an answer, one after the other."""
    import msgspec

    calls = _tool_calls(response) if isinstance(response, dict) else ()
    found = [call.get("arguments", call.get("input")) for call in calls]
    return "".join(one if isinstance(one, str) else msgspec.json.encode(one).decode() for one in found if one)


def _tool_calls(response: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for choice in dicts_in(response.get("choices")):
        message = choice.get("message")
        for call in dicts_in(message.get("tool_calls") if isinstance(message, dict) else None):
            if isinstance(call.get("function"), dict):
                yield call["function"]
    for item in (*dicts_in(response.get("content")), *dicts_in(response.get("output"))):
        if item.get("type") in ("tool_use", "function_call"):
            yield item


def messages_of(request: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each message of a request with its role: ``SYSTEM``, ``USER``, ``ASSISTANT`` or ``TOOL``."""
    for key in ("system", "instructions", "systemInstruction", "system_instruction"):
        if request.get(key):
            yield SYSTEM, request[key]
    for question in _questions(request.get("questions")):
        if question.get("instructions"):
            yield SYSTEM, question["instructions"]
    for key in ("messages", "input", "contents", "prompt", "state"):
        value = request.get(key)
        if isinstance(value, str):
            yield USER, value
        elif key == "state" and value:  # System One takes any JSON as the document
            yield USER, json.dumps(value, ensure_ascii=False)
            continue
        for message in value if isinstance(value, list) else ():
            if isinstance(message, str):
                yield USER, message
            elif isinstance(message, dict):
                yield from _message(message)


def _questions(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the questions to a decision model: a list (OpenAI), or an object by name (System One)."""
    return dicts_in(list(value.values()) if isinstance(value, dict) else value)


def _message(message: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    kind = message.get("type")
    if kind == "function_call":
        yield ASSISTANT, message.get("arguments")
    elif kind == "function_call_output":
        yield TOOL, message.get("output")
    else:
        content = message.get("content", message.get("parts"))
        role = _ROLES.get(str(message.get("role")), USER)
        if any(part.get("type") == "tool_result" for part in dicts_in(content)):
            role = TOOL
        yield role, content


def text_of(content: Any) -> tuple[str, bool]:
    """Return the text of a content, and whether it contains an image, a file or audio."""
    if isinstance(content, str):
        return content, False
    if isinstance(content, dict):
        content = content.get("parts", [content])
    texts, other = [], False
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            said = part.get("text", part.get("content"))
            texts.append(said if isinstance(said, str) else "")
            other = other or str(part.get("type")).startswith(("image", "input_image", "file", "input_audio"))
            other = other or "inlineData" in part or "inline_data" in part
    return "\n".join(texts), other


def dicts_in(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def content_text(content: Any) -> str:
    """Return the text of a message's content: the content itself, or its joined text parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part if isinstance(part, str) else text(obj(part).get("text")) for part in parts)
