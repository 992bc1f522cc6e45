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
    narrowing = _Narrowing(whole, attributes, drop=True)
    added: dict[str, Any] = {name: {} for name in attributes if name not in narrowing.declared}
    if added and whole.get("additionalProperties", True) is not False:
        narrowing.written["properties"] = {**narrowing.written.get("properties", {}), **added}
    return narrowing.written


def for_asked(schema: Mapping[str, Any], asked: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the resolved schema of a document that asks for only some fields: others are not required."""
    whole = resolved(schema)
    return whole if asked is None else _Narrowing(whole, asked, drop=False).written


class _Narrowing:
    """Writes the parts of the whole answer anew; ``declared`` has the names that they declare.

    A part behind a reference is written once, as a definition of its own: the same definition elsewhere, for
    a value inside the answer, keeps its shape.
    """

    def __init__(self, whole: Mapping[str, Any], asked: tuple[str, ...], *, drop: bool) -> None:
        self._asked = frozenset(asked)
        self._drop = drop
        self._definitions: dict[str, Any] = dict(whole.get("$defs", {}))
        self._names: dict[str, str] = {}
        self.declared: set[str] = set()
        self.written: dict[str, Any] = self._part(whole)
        if self._definitions:
            self.written["$defs"] = self._definitions

    def _part(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        result = dict(node)
        if "$ref" in result:
            result["$ref"] = self._reference(result["$ref"])
        if "required" in result:
            result["required"] = [name for name in result["required"] if name in self._asked]
        if "properties" in result:
            kept = {
                name: inner
                for name, inner in result["properties"].items()
                if name in self._asked or not self._drop
            }
            self.declared |= kept.keys()
            result["properties"] = kept
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword in result:
                result[keyword] = [self._part(part) for part in result[keyword]]
        for keyword in ("then", "else"):
            if keyword in result:
                result[keyword] = self._part(result[keyword])
        return result

    def _reference(self, reference: str) -> str:
        name = self._names.get(reference)
        if name is None:
            name = reference.removeprefix("#/$defs/") + "-asked"
            while name in self._definitions:
                name += "-asked"
            self._names[reference] = name
            self._definitions[name] = {}  # its place, while it is written: it may refer to itself
            self._definitions[name] = self._part(target_of(reference, self._definitions))
        return f"#/$defs/{name}"
