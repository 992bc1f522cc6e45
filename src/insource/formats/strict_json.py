"""Strict JSON parsing after RFC 8259, for rows that become data and must not be guessed at."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

MAX_DEPTH = 64


def strict_json(text: str) -> Any:
    """Parse JSON after RFC 8259: no NaN, no duplicate key, no lone surrogate, at most 64 levels deep.

    Raises:
        ValueError: with the reason in words.
    """
    try:
        value = _STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at column {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from error
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if "\\ud" in text.lower() and not _encodable(value):
        raise ValueError("it contains a lone surrogate (\\ud800 to \\udfff)")
    return value


def as_object(output: str | dict[str, Any]) -> dict[str, Any] | None:
    """Return the object that an output is or contains as JSON text, or None when it is plain text."""
    if isinstance(output, dict):
        return output
    if not output.lstrip().startswith("{"):
        return None
    try:
        value = strict_json(output)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def kind_of(value: Any) -> str:
    """Return the kind of a parsed JSON value in words: ``an object``, ``text``, ``null``."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} occurs twice in one object")
    return result


def _deeper_than(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 0 or _deeper_than(child, levels - 1) for child in children)


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_keys)
