"""Write an answer in its one canonical form, by its JSON Schema."""

from __future__ import annotations

import json
from typing import Any

from insource.contract.validate import InvalidSchema, fits

MAX_REFERENCES = 32
_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf"})


def canonical_target(
    value: dict[str, Any],
    schema: dict[str, Any],
    *,
    fill_null: bool = False,
    asked: tuple[str, ...] | None = None,
) -> str:
    """Return the one spelling of an answer that training teaches and the grammar accepts.

    Compact JSON, keys in the order of ``properties`` (undeclared ones last, as they come), integral
    floats as integers where the schema says ``integer``, no negative zero, text unescaped except
    control characters and U+007F. With ``fill_null``, required nullable properties that are absent
    become null; at the top level only those in ``asked`` when it is given.
    """
    ordered = _ordered(value, schema, schema, fill_null, asked)
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("\x7f", "\\u007f")  # llguidance forbids the raw character


def for_asked(schema: dict[str, Any], asked: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the schema of a document that asks for only some fields: others are no longer required."""
    if asked is None or "required" not in schema:
        return schema
    return {**schema, "required": [name for name in schema["required"] if name in asked]}


def _ordered(value: Any, schema: Any, root: dict[str, Any], fill: bool, asked: tuple[str, ...] | None) -> Any:
    shape = _shape(value, schema, root)
    if isinstance(value, dict):
        return _ordered_object(value, shape, root, fill, asked)
    if isinstance(value, list):
        heads = shape.get("prefixItems", [])
        schemas = [*heads, *[shape.get("items", {})] * len(value)]
        return [_ordered(item, sub, root, fill, None) for item, sub in zip(value, schemas, strict=False)]
    if isinstance(value, float):
        integer = value.is_integer() and "integer" in (kinds := _types(shape)) and "number" not in kinds
        # No -0.0, which a bounded number in llguidance refuses
        return int(value) if integer else value or 0.0
    return value


def _ordered_object(
    value: dict[str, Any],
    shape: dict[str, Any],
    root: dict[str, Any],
    fill: bool,
    asked: tuple[str, ...] | None,
) -> dict[str, Any]:
    properties, required = shape.get("properties", {}), shape.get("required", ())
    result = {}
    for name, schema in properties.items():
        if name in value:
            result[name] = _ordered(value[name], schema, root, fill, None)
        elif fill and name in required and (asked is None or name in asked) and _nullable(schema, root):
            result[name] = None
    others = shape.get("additionalProperties", {})
    result.update({k: _ordered(v, others, root, fill, None) for k, v in value.items() if k not in properties})
    return result


def _shape(value: Any, schema: Any, root: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return the keywords that apply to ``value``, with references followed and combinations merged."""
    if not isinstance(schema, dict) or depth > MAX_REFERENCES:
        return {}
    if not _COMBINING & schema.keys():
        return schema
    parts = [_target(schema["$ref"], root)] if "$ref" in schema else []
    parts += schema.get("allOf", [])
    for keyword in ("anyOf", "oneOf"):
        parts += [branch for branch in schema.get(keyword, []) if _fits(value, branch, root)][:1]
    merged: dict[str, Any] = {"properties": {}, "required": []}
    for part in [*(_shape(value, part, root, depth + 1) for part in parts), schema]:
        properties = {**merged["properties"], **part.get("properties", {})}
        required = [*merged["required"], *part.get("required", [])]
        merged = {**merged, **part, "properties": properties, "required": required}
    return merged


def _fits(value: Any, branch: Any, root: dict[str, Any]) -> bool:
    if not isinstance(branch, dict):
        return bool(branch)
    definitions: dict[str, Any] = {key: root[key] for key in ("$defs", "definitions") if key in root}
    try:
        return fits(value, {**definitions, **branch})
    except InvalidSchema:  # a reference to elsewhere in the root, which the branch alone cannot follow
        return False


def _target(reference: Any, root: dict[str, Any]) -> Any:
    node: Any = root
    for part in str(reference).removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = node.get(key, {}) if isinstance(node, dict) else {}
    return node


def _types(schema: dict[str, Any]) -> tuple[str, ...]:
    given = schema.get("type", ())
    return (given,) if isinstance(given, str) else tuple(given)


def _nullable(schema: Any, root: dict[str, Any]) -> bool:
    shape = _shape(None, schema, root)
    return ("null" in _types(shape) or None in shape.get("enum", ())) and _fits(None, schema, root)
