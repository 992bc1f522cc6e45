"""Resolve a JSON Schema once, so that every part of Insource reads the same contract.

The validator, the grammar, the canonical form, alignment and the checks all read the schema that
``resolved`` returns. It is written in draft 2020-12 with one kind of reference, ``#/$defs/name``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

# Keywords that hold further schemas: in an object by name, as the value, in a list.
BY_NAME = ("properties", "patternProperties", "dependentSchemas")
SINGLE = (
    "items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties", "contentSchema",
)  # fmt: skip
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
KEYWORDS = frozenset({
    *BY_NAME, *SINGLE, *LISTS, "$defs", "definitions", "dependencies", "additionalItems", "type", "enum",
    "const", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
    "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains",
    "minProperties", "maxProperties", "required", "dependentRequired", "format", "contentEncoding",
    "contentMediaType", "title", "description", "default", "deprecated", "readOnly", "writeOnly", "examples",
    "example", "nullable", "discriminator", "id",
})  # fmt: skip
"""The keywords that draft 2020-12, its forerunners or OpenAPI 3 have, without those that begin with ``$``."""

# In this order the grammar writes the properties of parts, and so does the canonical form.
_FIRST = ("$ref", "allOf", "anyOf", "oneOf")
_IDENTITY = frozenset({
    "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment",
    "$defs", "definitions",
})  # fmt: skip
# Before 2019-09 a reference hides the keywords beside it; these say nothing about which values fit.
_BESIDE_OLD_REFERENCE = ("x-insource", "title", "description", "nullable")
_COUNT = re.compile("(min|max)(Length|Items|Properties|Contains)")
_OLD = re.compile(r"draft-0[3-7]/")
_DYNAMIC = {"$dynamicRef": "$dynamicAnchor", "$recursiveRef": "$recursiveAnchor"}


TOO_DEEP = "it is nested too deeply, or its references lead too deep"


class InvalidSchema(ValueError):
    """The schema itself is not valid JSON Schema, or points outside itself."""


def resolved(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that allows the same values, in draft 2020-12, whose references are ``#/$defs/name``.

    References of every kind are followed: to the root, to pointers (percent-encoded, with list indices), to
    anchors, to embedded ``$id``. ``nullable: true`` (OpenAPI 3.0) becomes the type ``null``. A root that is
    only a reference becomes its target. A ``$dynamicRef`` or ``$recursiveRef`` with one possible target is a
    reference; ``unresolved`` names the others, which are left open here.

    Callers share the result and do not change it.

    Raises:
        InvalidSchema: with the validator's words.
    """
    return _resolved(schema_text(schema))[0]


def unresolved(schema: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return keyword and path of the dynamic references whose target depends on the way to them.

    Raises:
        InvalidSchema: as ``resolved``.
    """
    return _resolved(schema_text(schema))[1]


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return a schema as JSON, in its own order, which is the order of an answer.

    Raises:
        InvalidSchema: it is nested too deeply.
    """
    try:
        return json.dumps(schema)
    except RecursionError:
        raise InvalidSchema(TOO_DEEP) from None


def sound_validator(schema: Mapping[str, Any]) -> Any:
    """Return a validator of a schema as it is written.

    Raises:
        InvalidSchema: with the validator's words.
    """
    try:
        return jsonschema_rs.validator_for(dict(schema), validate_formats=True, retriever=_no_network)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidSchema(str(error).split("\n\nFailed validating")[0]) from error


def subschemas(schema: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield pointer and keywords of every schema inside a schema, as written, whether it is used or not.

    A property that is named like a keyword is none.
    """
    waiting = [(path, schema)]
    while waiting:
        here, node = waiting.pop()
        if isinstance(node, dict):
            yield here, node
            waiting.extend(reversed([(f"{here}/{place}", child) for place, child in _children(node)]))


def _children(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for keyword in (*BY_NAME, "$defs", "definitions", "dependencies"):
        children = schema.get(keyword)
        for name, child in children.items() if isinstance(children, dict) else ():
            yield f"{keyword}/{name}", child
    for keyword in (*SINGLE, "additionalItems"):
        if keyword in schema:
            yield keyword, schema[keyword]
    for keyword in (*LISTS, "items"):
        children = schema.get(keyword)
        for index, child in enumerate(children) if isinstance(children, list) else ():
            yield f"{keyword}/{index}", child


def target_of(reference: str, definitions: Mapping[str, Any]) -> Any:
    """Return the schema behind a reference of a resolved schema."""
    return definitions.get(reference.removeprefix("#/$defs/"), {})


@lru_cache(maxsize=512)
def _resolved(text: str) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    schema = json.loads(text)
    sound_validator(schema)
    try:
        writer = _Writer(schema)
    except RecursionError:  # some hundred references deep, where the engine of the grammar would crash
        raise InvalidSchema(TOO_DEEP) from None
    return writer.written, tuple(writer.dynamic)


def _no_network(uri: str) -> Any:
    raise ValueError(f"{uri} lies outside the schema; put it under $defs")


class _Writer:
    """Writes one schema anew; ``dynamic`` lists the references that it left open."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._old = bool(_OLD.search(str(root.get("$schema", ""))))
        specification = specification_with(root.get("$schema", ""), default=DRAFT202012)
        self._create = specification.create_resource
        resource: Resource[Any] = self._create(root)
        uri = resource.id() or ""
        registry: Registry[Any] = Registry().with_resource(uri, resource).crawl()
        self._anchors = _counted_anchors(root)
        self._names: dict[int, str] = {}
        self._definitions: dict[str, Any] = {}
        self.dynamic: list[tuple[str, str]] = []
        body = self._write(root, registry.resolver(uri), "#", at_root=True)
        if id(root) in self._names:  # it comes again inside: the same schema, not a second copy
            body = self._definitions[self._names[id(root)]]
        reached: set[str] = set()
        while isinstance(body, dict) and body.keys() == {"$ref"} and body["$ref"] not in reached:
            reached.add(body["$ref"])
            body = target_of(body["$ref"], self._definitions)
        self.written: dict[str, Any] = dict(body) if isinstance(body, dict) else {} if body else {"not": {}}
        if used := self._used(self.written):
            self.written["$defs"] = used

    def _used(self, body: Any) -> dict[str, Any]:
        """Return the definitions that the root leads to, in the order in which they were written."""
        names: set[str] = set()
        waiting = [body]
        while waiting:
            for _, node in subschemas(waiting.pop()):
                name = str(node.get("$ref", "")).removeprefix("#/$defs/")
                if name in self._definitions and name not in names:
                    names.add(name)
                    waiting.append(self._definitions[name])
        return {name: one for name, one in self._definitions.items() if name in names}

    def _write(self, node: Any, resolver: Any, path: str, *, at_root: bool = False) -> Any:
        if not isinstance(node, dict):
            return node
        if not at_root:
            resolver = resolver.in_subresource(self._create(node))
        node = self._modern(node)
        written: dict[str, Any] = {}
        for keyword in sorted(node, key=lambda name: name not in _FIRST):
            value, here = node[keyword], f"{path}/{keyword}"
            if keyword in _IDENTITY:
                continue
            if keyword == "$ref":
                written["$ref"] = self._reference(value, resolver)
            elif keyword in _DYNAMIC:
                self._dynamic_reference(keyword, value, resolver, path, written)
            elif keyword in BY_NAME and isinstance(value, dict):
                written[keyword] = {k: self._write(v, resolver, f"{here}/{k}") for k, v in value.items()}
            elif keyword in SINGLE:
                written[keyword] = self._write(value, resolver, here)
            elif keyword in LISTS and isinstance(value, list):
                written[keyword] = [self._write(v, resolver, f"{here}/{i}") for i, v in enumerate(value)]
            else:  # a count may be written 2.0, which the engine does not take
                written[keyword] = int(value) if _COUNT.fullmatch(keyword) and _whole(value) else value
        ordered = {keyword: written[keyword] for keyword in _FIRST if keyword in written}
        return _with_null({**ordered, **written})

    def _reference(self, reference: str, resolver: Any) -> str:
        try:
            found = resolver.lookup(reference)
        except Unresolvable as error:
            raise InvalidSchema(f"the reference {reference!r} does not exist in the schema") from error
        name = self._names.get(id(found.contents))
        if name is None:
            name = self._names[id(found.contents)] = self._new_name(reference)
            self._definitions[name] = {}  # its place, while it is written: it may refer to itself
            # The lookup enters the target's own resource, as ``_write`` would.
            self._definitions[name] = self._write(found.contents, found.resolver, reference, at_root=True)
        return f"#/$defs/{name}"

    def _new_name(self, reference: str) -> str:
        last = unquote(re.split(r"[/#]", reference.rstrip("#/"))[-1]) or "root"
        name = plain = re.sub(r"[^\w.-]", "_", last)
        number = 1
        while name in self._definitions:
            number += 1
            name = f"{plain}-{number}"
        return name

    def _dynamic_reference(
        self, keyword: str, reference: str, resolver: Any, path: str, written: dict[str, Any]
    ) -> None:
        anchors = self._anchors[_DYNAMIC[keyword]]
        name = reference.rpartition("#")[2] if keyword == "$dynamicRef" else ""
        if anchors.count(name) <= (1 if keyword == "$dynamicRef" else 0):
            written.setdefault("allOf", []).insert(0, {"$ref": self._reference(reference, resolver)})
        else:
            self.dynamic.append((keyword, path))

    def _modern(self, node: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords of older drafts as draft 2020-12 has them."""
        if self._old and "$ref" in node:
            return {k: node[k] for k in ("$ref", *_BESIDE_OLD_REFERENCE) if k in node}
        node = dict(node)
        if isinstance(node.get("items"), list):
            node["prefixItems"] = node.pop("items")
            if "additionalItems" in node:
                node["items"] = node.pop("additionalItems")
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if isinstance(node.get(exclusive), bool):
                limit = node.get(bound)
                if node.pop(exclusive) and limit is not None:
                    node[exclusive] = node.pop(bound)
        for name, needed in dict(node.pop("dependencies", {})).items():
            kind = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
            node[kind] = {**node.get(kind, {}), name: needed}
        return node


def _whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def _with_null(written: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with OpenAPI's ``nullable`` written as a type."""
    if written.pop("nullable", None) is not True:
        return written
    types = written.get("type")
    if types is None or set(written) & {*_FIRST, "const", "not", "if"}:
        return {"anyOf": [written, {"type": "null"}]}
    types = [types] if isinstance(types, str) else types
    written["type"] = types if "null" in types else [*types, "null"]
    if "enum" in written and None not in written["enum"]:
        written["enum"] = [*written["enum"], None]
    return written


def _counted_anchors(root: Any) -> dict[str, list[str]]:
    """Return every dynamic anchor of the document, wherever it stands."""
    found: dict[str, list[str]] = {"$dynamicAnchor": [], "$recursiveAnchor": []}
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if isinstance(name := node.get("$dynamicAnchor"), str):
                found["$dynamicAnchor"].append(name)
            if node.get("$recursiveAnchor") is True:
                found["$recursiveAnchor"].append("")
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return found
