"""Put characters together whose two halves came in two pieces of JSON.

JSON may spell a character beyond the basic plane as two escapes (``\\ud83d\\ude00``). A server that cuts a
stream between them sends a half in each event, which Python keeps as a lone surrogate. Neither UTF-8 nor the
store can hold one.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

HALF = re.compile("[\ud800-\udfff]")
FIRST_HALF = re.compile("[\ud800-\udbff]")

Value = TypeVar("Value")


def whole_characters(value: Value) -> Value:
    """Return a JSON value whose texts have no halves: two that follow each other become their character,
    and a lone one becomes ``?``.

    A value without halves is returned itself.
    """
    return _whole(value) if _has_half(value) else value


def _has_half(value: Any) -> bool:
    if isinstance(value, str):
        return not value.isascii() and HALF.search(value) is not None
    if isinstance(value, dict):
        return any(_has_half(key) or _has_half(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_half, value))


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        paired = value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        return paired.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
