"""Name values and labels for people and models, so that two different ones never read the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_SEPARATORS = frozenset(',\n\r"')


def value_name(value: Any) -> str:
    """Return a JSON value's name; different values have different names.

    A text is its own name, unless it reads as another value: the number is ``1`` and the text ``"1"``. A
    number without a fraction has no point, as in JSON Schema, where ``2.0`` is ``2``.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _reads_as_json(value) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def told_apart(names: Iterable[str]) -> tuple[str, ...]:
    """Return names to list with separators: all in quotation marks when one of them holds a separator."""
    names = tuple(names)
    if not any(_SEPARATORS & set(name) or name != name.strip() for name in names):
        return names
    return tuple(json.dumps(name, ensure_ascii=False) for name in names)


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):  # nested too deeply to be read
        return False
    return True
