"""OpenTelemetry values as plain Python values: attributes, and messages in the shape of chat requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from insource.formats.values import count, first, items, obj, opened, text
from insource.logs.importers.messages import ROLES, is_message, spelled


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
        yield {"role": "tool", "tool_call_id": text(part.get("id")), "content": spelled(said)}
    others = [part for part in parts if part.get("type") != "tool_call_response"]
    if not others:
        return
    message: dict[str, Any] = {"role": text(found.get("role")) or "user", "content": _content(others)}
    calls = [_tool_call(part) for part in others if part.get("type") == "tool_call"]
    yield message | ({"tool_calls": calls} if calls else {})


def _content(parts: list[dict[str, Any]]) -> Any:
    """Return the text if all parts are text, else the parts as those of a chat message."""
    shown = [part for part in parts if part.get("type") not in ("tool_call", "reasoning", "thinking")]
    if all(part.get("type") == "text" for part in shown):
        return "".join(_text(part) for part in shown) or None
    return [{"type": "text", "text": _text(part)} if part.get("type") == "text" else part for part in shown]


def _text(part: Mapping[str, Any]) -> str:
    said = first(part, "content", "text")
    return "" if said is None else spelled(said)


def _tool_call(part: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": text(part.get("name")), "arguments": spelled(part.get("arguments"))}
    return {"id": text(part.get("id")), "type": "function", "function": function}


def indexed(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Return the messages in numbered attributes, ``gen_ai.prompt.0.content`` …, of older libraries."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        number, _, key = name.removeprefix(f"{prefix}.").partition(".")
        if name.startswith(f"{prefix}.") and number.isdecimal() and len(number) < 6 and key:
            found.setdefault(int(number), {})[key] = value
    return [found[number] for number in sorted(found)]


def told_messages(value: Any, role: str) -> list[dict[str, Any]]:
    """Return the messages of an attribute that holds a list of them, or else a text of this role."""
    found = opened(value)
    if isinstance(found, list) and found and all(is_message(one, ROLES) for one in found):
        return chat_messages(found)
    return [] if value in (None, "") else [{"role": role, "content": spelled(value)}]


def event_messages(events: Iterable[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the request and answer messages in a span's events, in either of the older formats."""
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for event in map(obj, events):
        name = text(event.get("name"))
        told = attributes(event.get("attributes"))
        body = obj(told.get("gen_ai.event.content"))
        if name == "gen_ai.content.prompt":
            asked += told_messages(told.get("gen_ai.prompt"), "user")
        elif name == "gen_ai.content.completion":
            answered += told_messages(told.get("gen_ai.completion"), "assistant")
        elif name == "gen_ai.choice":
            answered.append(_choice({**body, **told}))
        elif name.startswith("gen_ai.") and name.endswith(".message"):
            asked.append(_event_message(name, {**body, **told}))
    return asked, answered


def listed_messages(value: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the request and answer messages in a list of events, as pydantic-ai writes under ``events``.

    Without a choice among them (``all_messages_events``), the last message is the answer if a model wrote it.
    """
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for event in map(obj, items(value)):
        name = text(event.get("event.name"))
        if name == "gen_ai.choice":
            answered.append(_choice(event))
        else:
            asked += (
                [_event_message(name, event)]
                if "content" in event or "tool_calls" in event
                else chat_messages([event])
            )
    if asked and not answered and asked[-1].get("role") == "assistant":
        answered.append(asked.pop())
    return asked, answered


def _choice(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of a choice event, whose message is an object, its JSON or, at times, a text."""
    message = told.get("message")
    if message is None:
        message = {"content": first(told, "content", "gen_ai.message.content")}
    elif not isinstance(message, dict):
        found = opened(message)
        whole = isinstance(found, dict) and is_message({"role": "assistant", **found})
        message = found if whole else {"content": message}
    return {"role": "assistant", **_plain(message), "finish_reason": told.get("finish_reason")}


def _event_message(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    role = text(told.get("role")) or name.removeprefix("gen_ai.").removesuffix(".message")
    content = first(told, "content", "gen_ai.message.content")
    kept = {key: told[key] for key in ("tool_calls", "id", "name") if key in told}
    return {"role": role, **_plain({"content": content}), **kept}


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with the text of its parts as its content, if it has pydantic-ai's
    ``{"kind": "text", "text": …}``.
    """
    parts = message.get("content")
    if isinstance(parts, list) and parts and all(isinstance(part, dict) and "kind" in part for part in parts):
        said = "".join(text(part.get("text")) for part in parts if part["kind"] == "text")
        return {**message, "content": said or None}
    return dict(message)
