"""Narrow a contract to the top-level fields that one document asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insource.contract.resolved import resolved, target_of


def restricted(schema: Mapping[str, Any], attributes: tuple[str, ...]) -> dict[str, Any]:
    """Return the resolved schema of a document that asks for only some top-level fields.

    Other fields are neither declared nor required, in whichever part of the schema they stand. A field that
    is asked for and not declared is declared as open, unless the schema forbids undeclared fields.
    """
    whole = resolved(schema)
    narrow: dict[str, Any] = _narrowed(whole, frozenset(attributes), whole.get("$defs", {}), drop=True)
    declared = _declared(narrow)
    added: dict[str, Any] = {name: {} for name in attributes if name not in declared}
    if added and whole.get("additionalProperties", True) is not False:
        narrow["properties"] = {**narrow.get("properties", {}), **added}
    return narrow


def for_asked(schema: Mapping[str, Any], asked: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the resolved schema of a document that asks for only some fields: others are not required."""
    whole = resolved(schema)
    if asked is None:
        return whole
    narrow: dict[str, Any] = _narrowed(whole, frozenset(asked), whole.get("$defs", {}), drop=False)
    return narrow


def _narrowed(
    node: Any,
    asked: frozenset[str],
    definitions: Mapping[str, Any],
    within: frozenset[str] = frozenset(),
    *,
    drop: bool,
) -> Any:
    """Return a part of the whole answer; ``within`` has the references that led here: one to itself stays."""
    if not isinstance(node, dict):
        return node
    result = dict(node)
    if "required" in result:
        result["required"] = [name for name in result["required"] if name in asked]
    if drop and "properties" in result:
        result["properties"] = {name: inner for name, inner in result["properties"].items() if name in asked}
    for keyword in ("allOf", "anyOf", "oneOf"):
        if keyword in result:
            result[keyword] = [
                _narrowed(part, asked, definitions, within, drop=drop) for part in result[keyword]
            ]
    for keyword in ("then", "else"):
        if keyword in result:
            result[keyword] = _narrowed(result[keyword], asked, definitions, within, drop=drop)
    reference = result.get("$ref")
    if reference is not None and reference not in within:
        target = _narrowed(
            target_of(result.pop("$ref"), definitions), asked, definitions, within | {reference}, drop=drop
        )
        result = {"allOf": [target, *result.pop("allOf", ())], **result}
    return result


def _declared(node: Any) -> set[str]:
    """Return the names that a part of the whole answer declares."""
    if not isinstance(node, dict):
        return set()
    parts = [part for keyword in ("allOf", "anyOf", "oneOf") for part in node.get(keyword, ())]
    parts += [node[keyword] for keyword in ("then", "else") if keyword in node]
    return set(node.get("properties", ())).union(*map(_declared, parts))
