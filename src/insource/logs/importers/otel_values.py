"""OpenTelemetry values as plain Python values: attributes, and messages in the shape of chat requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from insource.formats.values import count, first, items, obj, opened, text


def attributes(value: Any) -> dict[str, Any]:
    """Return attributes by name, from OTLP's list of typed values or from a plain object."""
    if isinstance(value, dict):
        return value
    return {
        text(pair.get("key")): _any_value(pair.get("value"))
        for pair in map(obj, items(value))
        if pair.get("key")
    }


def _any_value(value: Any) -> Any:
    """Return the value of an ``AnyValue``: https://opentelemetry.io/docs/specs/otlp/#json-
    protobuf-encoding.
    """
    kinds = obj(value)
    if "arrayValue" in kinds:
        return [_any_value(item) for item in items(obj(kinds["arrayValue"]).get("values"))]
    if "kvlistValue" in kinds:
        return attributes(items(obj(kinds["kvlistValue"]).get("values")))
    if "intValue" in kinds:  # encoded as text, because JSON numbers do not hold 64 bits
        return count(kinds["intValue"]) if count(kinds["intValue"]) is not None else kinds["intValue"]
    return first(kinds, "stringValue", "doubleValue", "boolValue", "bytesValue")


def chat_messages(value: Any) -> list[dict[str, Any]]:
    """Convert messages with parts, as in the conventions, to messages of a chat request."""
    return [message for found in items(value) for message in _messages(obj(found))]


def _messages(found: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    parts = [obj(part) for part in items(found.get("parts"))]
    if not parts:
        if found:
            yield {name: value for name, value in found.items() if name != "finish_reason"}
        return
    answers = [part for part in parts if part.get("type") == "tool_call_response"]
    for part in answers:
        said = first(part, "response", "result")
        yield {"role": "tool", "tool_call_id": text(part.get("id")), "content": _spelled(said)}
    others = [part for part in parts if part.get("type") != "tool_call_response"]
    if not others:
        return
    message: dict[str, Any] = {"role": text(found.get("role")) or "user", "content": _content(others)}
    calls = [_tool_call(part) for part in others if part.get("type") == "tool_call"]
    yield message | ({"tool_calls": calls} if calls else {})


def _content(parts: list[dict[str, Any]]) -> Any:
    """Return the text if all parts are text, else the parts unchanged."""
    shown = [part for part in parts if part.get("type") not in ("tool_call", "reasoning")]
    if all(part.get("type") == "text" for part in shown):
        return "".join(text(part.get("content")) for part in shown) or None
    return shown


def _tool_call(part: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": text(part.get("name")), "arguments": _spelled(part.get("arguments"))}
    return {"id": text(part.get("id")), "type": "function", "function": function}


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def indexed(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return the messages in numbered attributes, ``gen_ai.prompt.0.content`` …, of older libraries."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        number, _, key = name.removeprefix(f"{prefix}.").partition(".")
        if name.startswith(f"{prefix}.") and number.isdecimal() and len(number) < 6 and key:
            found.setdefault(int(number), {})[key] = value
    return [found[number] for number in sorted(found)]


def event_messages(events: Iterable[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the request and answer messages in a span's events, in either of the older formats."""
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for event in map(obj, events):
        name = text(event.get("name"))
        told = attributes(event.get("attributes"))
        if name == "gen_ai.content.prompt":
            asked += chat_messages(told.get("gen_ai.prompt"))
        elif name == "gen_ai.content.completion":
            answered += chat_messages(told.get("gen_ai.completion"))
        elif name == "gen_ai.choice":
            message = obj(told.get("message")) or {"content": first(told, "content", "message")}
            answered.append({"role": "assistant", **message, "finish_reason": told.get("finish_reason")})
        elif name.startswith("gen_ai.") and name.endswith(".message"):
            content = opened(first(told, "content", "gen_ai.event.content"))
            role = name.removeprefix("gen_ai.").removesuffix(".message")
            asked.append({"role": role, **(content if isinstance(content, dict) else {"content": content})})
    return asked, answered
