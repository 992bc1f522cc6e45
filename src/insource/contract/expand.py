"""Expand a JSON Schema for alignment: inline references, collapse nullable unions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_MAX_DEPTH = 24  # where a recursive schema stops being unrolled; deeper values compare as wholes


def expanded(schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the schema with local ``$ref`` inlined and unions of one real option merged.

    Unions are ``anyOf``, ``oneOf`` and ``allOf``.

    For finding fields and comparators only: validation keeps the schema as written.
    """
    # Not canonical JSON: the order of properties is the order of slots.
    return None if schema is None else _expanded(json.dumps(schema))


@lru_cache(maxsize=512)
def _expanded(text: str) -> Mapping[str, Any]:
    root = json.loads(text)
    simple = _simplify(root, root, 0)
    return simple if isinstance(simple, dict) else {}


def _simplify(node: Any, root: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return {}
    if isinstance(node, list):
        return [_simplify(item, root, depth) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(reference := node.get("$ref"), str):
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        target = _lookup(reference, root)
        return _simplify({**target, **siblings}, root, depth + 1)
    simple = {key: _simplify(value, root, depth + 1) for key, value in node.items() if key != "$defs"}
    for keyword in ("anyOf", "oneOf", "allOf"):
        options = [o for o in simple.get(keyword, ()) if isinstance(o, dict) and o.get("type") != "null"]
        if len(options) == 1:
            simple = {**options[0], **{key: value for key, value in simple.items() if key != keyword}}
    return simple


def _lookup(reference: str, root: Any) -> dict[str, Any]:
    """Return the target of a reference into the same document (RFC 6901), else the schema that allows all."""
    if not reference.startswith("#"):
        return {}
    node = root
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def schema_types(schema: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the JSON types a schema names, through ``anyOf`` and ``oneOf``; empty when it names none."""
    if not isinstance(schema, Mapping):
        return frozenset()
    named = schema.get("type", ())
    types = {named} if isinstance(named, str) else set(named)
    for keyword in ("anyOf", "oneOf"):
        for option in schema.get(keyword, ()):
            types |= schema_types(option)
    return frozenset(types)


def declared_properties(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the properties an object schema declares, in order; empty when it declares none."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    return properties if isinstance(properties, Mapping) else {}


def restricted(schema: Mapping[str, Any], attributes: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a document that asks for only some top-level fields."""
    properties = declared_properties(schema)
    required = [key for key in schema.get("required", ()) if key in attributes]
    asked = {key: properties.get(key, {}) for key in attributes}
    return {**schema, "properties": asked, **({"required": required} if "required" in schema else {})}
