"""Write an answer in its one canonical form, by its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from insource.contract.places import Place, place_of

_LIMITS = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const",
})  # fmt: skip
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_EXPONENT_FREE = 10**16
"""From here on, and below 0.0001, Python writes floats with an exponent."""


def canonical_target(
    value: dict[str, Any],
    schema: Mapping[str, Any],
    *,
    fill_null: bool = False,
    asked: tuple[str, ...] | None = None,
) -> str:
    """Return the one spelling of an answer that training teaches and the grammar accepts.

    Compact JSON, keys in the order of ``properties`` (then those that are only required, then the others as
    they come), text unescaped except control characters and U+007F. With ``fill_null``, required nullable
    properties that are absent become null; at the top level only those in ``asked`` when it is given.

    Numbers without a fraction have no point: ``2.0`` is ``2``. Others have the digits of the shortest text
    that reads back as the same double (Steele and White 1990). There is an exponent only where the schema
    sets no limit and no list of values, and only below 0.0001 or from 10^16: ``1e-07`` is ``0.0000001``
    where there is a ``minimum``. Negative zero is 0.

    Raises:
        InvalidSchema: the schema is not valid.
    """
    return _text(value, place_of(schema), fill_null, asked)


def _text(value: Any, place: Place | None, fill: bool, asked: tuple[str, ...] | None = None) -> str:
    place = place.of(value) if place else None
    if isinstance(value, dict | list) and place and (member := _member(value, place)) is not None:
        return _plain_text(member)
    if isinstance(value, dict):
        named = ((name, _text(item, inner, fill)) for name, item, inner in _named(value, place, fill, asked))
        return "{" + ",".join(f"{_string(name)}:{text}" for name, text in named) + "}"
    if isinstance(value, list):
        return f"[{','.join(_text(v, place.item(i) if place else None, fill) for i, v in enumerate(value))}]"
    if isinstance(value, float):
        return _number(value, limited=place is not None and _limited(place))
    return _string(value) if isinstance(value, str) else json.dumps(value)


def _named(
    value: dict[str, Any], place: Place | None, fill: bool, asked: tuple[str, ...] | None
) -> list[tuple[str, Any, Place | None]]:
    """Return name, value and place of what an object holds, in canonical order."""
    properties: Mapping[str, Place] = place.properties if place else {}
    required = place.required if place else ()
    found: list[tuple[str, Any, Place | None]] = []
    for name, inner in properties.items():
        if name in value:
            found.append((name, value[name], inner))
        elif fill and name in required and (asked is None or name in asked) and _nullable(inner):
            found.append((name, None, inner))
    others = [name for name in (*required, *value) if name in value and name not in properties]
    found += [(name, value[name], place.property(name) if place else None) for name in dict.fromkeys(others)]
    return found


def _nullable(place: Place) -> bool:
    named = "null" in place.types or None in place.keywords.get("enum", ())
    return named and place.accepts(None)


def _member(value: Any, place: Place) -> Any:
    """Return the value as the schema's list of values has it: the grammar writes its keys in that order."""
    listed = place.keywords.get("enum", [place.keywords["const"]] if "const" in place.keywords else [])
    return next((member for member in listed if _sorted_text(member) == _sorted_text(value)), None)


def _sorted_text(value: Any) -> str:
    """Return a text that is the same for equal JSON values; Python's own equality takes true for 1."""
    if isinstance(value, dict):
        return _plain_text({name: _sorted_text(value[name]) for name in sorted(value)})
    return _plain_text([_sorted_text(item) for item in value] if isinstance(value, list) else value)


def _plain_text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_string(name)}:{_plain_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(_plain_text, value))}]"
    if isinstance(value, float):
        return _number(value, limited=True)
    return _string(value) if isinstance(value, str) else json.dumps(value)


def _limited(place: Place) -> bool:
    return bool(_LIMITS & place.keywords.keys()) or ("integer" in place.types and "number" not in place.types)


def _number(value: float, *, limited: bool) -> str:
    if value.is_integer() and abs(value) < _EXPONENT_FREE:
        return str(int(value))  # no -0, which a bounded number in llguidance refuses
    return format(Decimal(repr(value)), "f").removesuffix(".0") if limited else repr(value)


def _string(text: str) -> str:
    # llguidance forbids the raw U+007F
    return _ENCODE(text).replace("\x7f", "\\u007f")
