"""Normalise requests of any supported API to one text with role marks and one frame.

OpenAI chat, responses and legacy completions, Anthropic messages and Gemini are supported; other requests
have no prompt. Malformed documents never raise, because a log holds whatever clients sent.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from insource.providers.requests import END, MARK, USER, dicts_in, messages_of, text_of

CUT = "\x03"
"""Marks the omitted middle of a very long message."""

HEAD, TAIL = 4000, 2000
MAX_MESSAGES = 40
MAX_KEYS = 60

# In scripts without spaces, every character is a word, so that a sentence is not one word.
UNSPACED = "\\u0e00-\\u0e7f\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7af"
WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")

_CONTROL = re.compile("[\x02\x03]")
_TURNS = re.compile(MARK + "[ut]")


class Frame(NamedTuple):
    """What calls of one task share besides words: the requested answer keys and the offered tools."""

    schema: str = ""
    tools: str = ""


class Prompt(NamedTuple):
    """A request as discovery uses it. ``text`` has normalised whitespace, and very long messages are cut."""

    frame: Frame
    text: str
    images: bool
    turns: int


def read_prompt(request: Any) -> Prompt | None:
    """Return the prompt of a request document; None when it has no text."""
    if not isinstance(request, dict):
        return None
    parts: list[str] = []
    images, turns = False, 0
    for role, content in messages_of(request):
        texts, has_image = text_of(content)
        images = images or has_image
        turns += role == USER
        if len(parts) < MAX_MESSAGES:
            parts.append(f"{role} {_folded(texts)}")
    if not any(len(part) > len(USER) + 1 for part in parts):
        return None
    return Prompt(_frame(request), " ".join((*parts, END)), images, turns)


def variable_turns(text: str) -> int:
    """Return the number of user and tool turns in a flattened prompt or template."""
    return len(_TURNS.findall(text))


def _folded(text: str) -> str:
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} \n {text[-TAIL:]}"
    return " ".join(_CONTROL.sub("", text).split())


def _frame(request: dict[str, Any]) -> Frame:
    tools = [_tool(tool) for tool in dicts_in(request.get("tools"))]
    names = sorted({name for name, _ in tools})
    forced = _forced(request.get("tool_choice"), names)
    if forced is not None:  # a forced tool call is equivalent to a schema
        return Frame(schema=_keys(dict(tools).get(forced)))
    return Frame(schema=_keys(_response_schema(request)), tools=",".join(names)[:500])


def _tool(tool: dict[str, Any]) -> tuple[str, Any]:
    inner = tool["function"] if isinstance(tool.get("function"), dict) else tool
    schema = inner.get("parameters", inner.get("input_schema"))
    return str(inner.get("name", inner.get("type", ""))), schema


def _forced(choice: Any, names: list[str]) -> str | None:
    if choice in ("required", "any") or (isinstance(choice, dict) and choice.get("type") == "any"):
        return names[0] if len(names) == 1 else None
    if isinstance(choice, dict):
        function = choice.get("function")
        name = function.get("name") if isinstance(function, dict) else choice.get("name")
        return name if name in names else None
    return None


def _response_schema(request: dict[str, Any]) -> Any:
    text, wanted = request.get("text"), request.get("response_format")
    if isinstance(text, dict):
        wanted = text.get("format", wanted)
    if not isinstance(wanted, dict):
        return None
    inner = wanted.get("json_schema", wanted)
    return inner.get("schema") if isinstance(inner, dict) else None


def _keys(schema: Any) -> str:
    """Return the keys of a schema, sorted.

    Order, descriptions and limits are ignored because they change often.
    """
    found: set[str] = set()
    waiting = [schema]
    while waiting and len(found) < MAX_KEYS:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        properties = one.get("properties")
        if isinstance(properties, dict):
            found.update(map(str, properties))
            waiting.extend(properties.values())
        waiting.append(one.get("items"))
        waiting.extend(one["$defs"].values() if isinstance(one.get("$defs"), dict) else ())
    return ",".join(sorted(found))
