"""A schema without ``allOf`` at its root, for converters that read parts one by one.

llama.cpp's own converter, which Ollama uses, lists the properties of all parts as they come (as of
``json-schema-to-grammar.cpp``, November 2026): one that two parts name is written twice, and a part that only
sets a limit is refused. What training limits, and what a document states, are parts of that kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from insource.contract.resolved import target_of
from insource.contract.validate import fits

DEEPEST = 24
"""Parts that refer to themselves are merged to this depth; below, one of them counts."""

_UNIONS = ("anyOf", "oneOf")
_SAYS_WHAT = frozenset({"type", "enum", "const", "$ref", "properties", "items", "prefixItems", *_UNIONS})
_ABOUT = {
    "object": {"properties", "required", "additionalProperties", "minProperties", "maxProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern", "format"},
}
"""Keywords that say nothing about values of other types."""

Schema = Any  # a dict, or True and False


def merged_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a resolved schema with the parts at its root merged; one without parts as it is.

    It allows what the parts allow together. Where that cannot be written in one schema, it allows more.
    """
    if "allOf" not in schema:
        return dict(schema)
    definitions = schema.get("$defs", {})
    whole = _Merging(definitions).plain({k: v for k, v in schema.items() if k != "$defs"}, 0)
    if not isinstance(whole, dict):  # nothing fits all parts
        return dict(schema)
    return whole | ({"$defs": definitions} if definitions else {})


class _Merging:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def plain(self, node: Schema, depth: int) -> Schema:
        """Return a node with its reference and its parts merged into it; parts come first in an answer."""
        if not isinstance(node, dict) or not node.keys() & {"$ref", "allOf"}:
            return node
        if depth > DEEPEST:
            return True
        parts = [target_of(node["$ref"], self._definitions)] if "$ref" in node else []
        parts += node.get("allOf", ())
        whole: Schema = True
        for part in (*parts, {k: v for k, v in node.items() if k not in ("$ref", "allOf")}):
            whole = self._both(whole, part, depth + 1)
        return self.plain(whole, depth + 1)

    def _both(self, one: Schema, other: Schema, depth: int) -> Schema:
        """Return what fits both; False where nothing does."""
        if one is False or other is False:
            return False
        if one == other or other in (True, {}) or depth > DEEPEST:
            return one
        if one in (True, {}):
            return other
        plain = self.plain(one, depth + 1), self.plain(other, depth + 1)
        if plain != (one, other):
            return self._both(*plain, depth + 1)
        for side, beside in ((one, other), (other, one)):
            for union in _UNIONS:
                if union in side:
                    return self._each(side, union, beside, depth)
        return self._without_strangers(self._keywords(one, other, depth))

    def _each(self, side: dict[str, Any], union: str, beside: dict[str, Any], depth: int) -> Schema:
        """Return the union with the other keywords in each of its branches."""
        rest = {keyword: value for keyword, value in side.items() if keyword != union}
        branches = [
            self._both(self._both(branch, rest, depth + 1), beside, depth + 1) for branch in side[union]
        ]
        possible = [branch for branch in branches if branch is not False]
        if len(possible) < 2:
            return possible[0] if possible else False
        return {union: possible}

    def _keywords(self, one: dict[str, Any], other: dict[str, Any], depth: int) -> dict[str, Any]:
        """Return the keywords of both; of two that cannot be joined, that of ``one``."""
        found = {**other, **one}
        for name in one.keys() & other.keys():
            if name == "type":
                found[name] = _types(one[name], other[name])
            elif name == "required":
                found[name] = list(dict.fromkeys([*one[name], *other[name]]))
            elif name == "enum":
                listed = {json.dumps(value, sort_keys=True) for value in other[name]}
                found[name] = [value for value in one[name] if json.dumps(value, sort_keys=True) in listed]
            elif name == "properties":
                names = dict.fromkeys([*one[name], *other[name]])
                found[name] = {
                    key: self._inside(one[name].get(key, True), other[name].get(key, True), depth)
                    for key in names
                }
            elif name == "items":
                found[name] = self._inside(one[name], other[name], depth)
            elif name == "prefixItems":
                pairs = zip_longest(one[name], other[name], fillvalue=True)
                found[name] = [self._inside(first, second, depth) for first, second in pairs]
            elif name.startswith(("min", "exclusiveMin")):
                found[name] = max(one[name], other[name])
            elif name.startswith(("max", "exclusiveMax")):
                found[name] = min(one[name], other[name])
        return found

    def _inside(self, one: Schema, other: Schema, depth: int) -> Schema:
        both = self._both(one, other, depth + 1)
        # A limit of what may be anything is left out: the converter refuses a schema that says nothing else.
        usable = isinstance(both, dict) and both.keys() & _SAYS_WHAT
        return both if usable else one

    def _without_strangers(self, schema: dict[str, Any]) -> Schema:
        """Return a schema without keywords on other types and values that do not fit; False if none fits."""
        if schema.get("type") == [] or schema.get("enum") == []:
            return False
        for kind, about in _ABOUT.items():
            if "type" in schema and kind not in _listed(schema["type"]):
                schema = {keyword: value for keyword, value in schema.items() if keyword not in about}
        if "enum" not in schema:
            return schema
        whole = {**schema, "$defs": self._definitions}
        fitting = [value for value in schema["enum"] if fits(value, whole)]
        return {**schema, "enum": fitting} if fitting else False


def _types(one: str | list[str], other: str | list[str]) -> str | list[str]:
    """Return the types in both; an integer is a number."""
    first, second = _listed(one), _listed(other)
    wide = [{"number", "integer"} if "number" in named else set() for named in (first, second)]
    kinds = [
        kind
        for kind in dict.fromkeys([*first, *second])
        if kind in {*first, *wide[0]} and kind in {*second, *wide[1]}
    ]
    return kinds[0] if len(kinds) == 1 else kinds


def _listed(named: str | list[str]) -> list[str]:
    return [named] if isinstance(named, str) else named
