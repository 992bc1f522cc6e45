"""Spans of Vercel's AI SDK: figures under ``gen_ai.*``, content under ``ai.*``.

https://ai-sdk.dev/docs/ai-sdk-core/telemetry. The calls are its ``doGenerate`` and ``doStream`` spans; the
spans around them have no ``gen_ai.request.model``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from insource.formats.values import first, items, obj, opened, text
from insource.logs.importers.messages import spelled

_METADATA = "ai.telemetry.metadata."


def asked(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the messages of the request as those of a chat request."""
    found = items(first(told, "ai.prompt.messages")) or items(obj(told.get("ai.prompt")).get("messages"))
    return [message for one in found for message in _messages(obj(one))]


def answered(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the answer as a message; an empty list without one. A text or object is never opened."""
    said = first(told, "ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object")
    calls = tool_calls(first(told, "ai.response.toolCalls", "ai.result.toolCalls"))
    if said is None and not calls:
        return []
    reason = first(told, "ai.response.finishReason", "ai.finishReason")
    message = {
        "role": "assistant",
        "content": None if said is None else spelled(said),
        "finish_reason": reason,
    }
    return [message | ({"tool_calls": calls} if calls else {})]


def tools(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tools of the request as those of a chat request."""
    found = map(obj, items(told.get("ai.prompt.tools")))
    return [
        {
            "type": "function",
            "function": {name: value for name, value in _function(tool).items() if value is not None},
        }
        for tool in found
    ]


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    schema = first(tool, "inputSchema", "parameters")
    return {
        "name": text(tool.get("name")),
        "description": tool.get("description"),
        "parameters": opened(schema),
    }


def metadata(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the application attached to its telemetry, and the function's id as the feature."""
    found = {name.removeprefix(_METADATA): told[name] for name in told if name.startswith(_METADATA)}
    function = text(told.get("ai.telemetry.functionId"))
    return {"feature": function, **found} if function else found


def tool_calls(value: Any) -> list[dict[str, Any]]:
    """Return tool calls of the AI SDK, ``{toolCallId, toolName, input}``, as those of a chat message."""
    return [
        {
            "id": text(call.get("toolCallId")),
            "type": "function",
            "function": {
                "name": text(call.get("toolName")),
                "arguments": spelled(call["input"] if "input" in call else call.get("args")),
            },
        }
        for call in map(obj, items(value))
        if "toolName" in call
    ]


def _messages(found: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    role, content = text(found.get("role")) or "user", found.get("content")
    if not isinstance(content, list):
        yield {"role": role, "content": content}
        return
    parts = [obj(part) for part in content]
    for part in parts:
        if part.get("type") == "tool-result":
            result = first(part, "output", "result")
            yield {
                "role": "tool",
                "tool_call_id": text(part.get("toolCallId")),
                "content": spelled(result.get("value", result) if isinstance(result, dict) else result),
            }
    shown = [part for part in parts if part.get("type") not in ("tool-result", "tool-call", "reasoning")]
    calls = tool_calls([part for part in parts if part.get("type") == "tool-call"])
    if shown or calls:
        whole = all(part.get("type") == "text" for part in shown)
        said: Any = "".join(text(part.get("text")) for part in shown) if whole else shown
        yield {"role": role, "content": said or None} | ({"tool_calls": calls} if calls else {})
