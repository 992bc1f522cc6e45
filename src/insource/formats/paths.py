"""Values at dotted paths in a record."""

from __future__ import annotations

import re
from typing import Any

from insource.formats.values import opened

MISSING = object()
"""The result of ``value_at`` for a path without a value."""


def value_at(value: Any, path: str) -> Any:
    """Return the value at a dotted path, or ``MISSING``.

    A key may contain dots itself. List items are addressed by number. Text that contains JSON is parsed.
    """
    value = opened(value)
    if isinstance(value, dict):
        if path in value:
            return value[path]
        for dot in (match.start() for match in re.finditer(r"\.", path)):
            if path[:dot] in value and (found := value_at(value[path[:dot]], path[dot + 1 :])) is not MISSING:
                return found
    if isinstance(value, list):
        number, _, rest = path.partition(".")
        if number.isdecimal() and len(number) < 10 and int(number) < len(value):
            return value_at(value[int(number)], rest) if rest else value[int(number)]
    return MISSING


def has_value_at(record: dict[str, Any], path: str) -> bool:
    return value_at(record, path) is not MISSING
