"""Read a resolved contract place by place: what holds for a value, its parts merged and its branch chosen.

A place is worked out when a value leads to it. So a schema that refers to itself is read as deep as the
values go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any

import jsonschema_rs

from insource.contract.resolved import InvalidSchema, resolved, schema_text, target_of

MAX_ABSENT = 1000
"""A part that declares more fields than this is one field where a document has nothing of it."""

_NO_KEYWORDS = frozenset({
    "$defs", "$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas",
    "properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames",
    "items", "prefixItems", "unevaluatedItems", "contains", "required", "type",
})  # fmt: skip

Schema = Any  # a dict, or True and False


def schema_types(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the JSON types that a schema names by ``type``; empty when it names none."""
    named = schema.get("type", ())
    return frozenset({named} if isinstance(named, str) else named)


def place_of(schema: Mapping[str, Any]) -> Place:
    """Return the whole answer's place in a contract; equal schemas share it.

    Raises:
        InvalidSchema: as ``resolved``.
    """
    return _place_of(schema_text(schema))


def valid_place(schema: Mapping[str, Any] | None) -> Place | None:
    """Return ``place_of``, None for no schema and for one that is not valid: rows may bring their own."""
    try:
        return None if schema is None else place_of(schema)
    except InvalidSchema:
        return None


@lru_cache(maxsize=512)
def _place_of(text: str) -> Place:
    root = resolved(json.loads(text))
    return _Contract(root).place((root,))


class Place:
    """What a contract says about one place of an answer.

    References are followed, and the parts of ``allOf`` and unions of one real option are merged; where parts
    differ about a keyword, the outer one counts. ``open`` says that branches are left to choose between:
    ``of`` chooses by a value.
    """

    def __init__(self, contract: _Contract, schemas: tuple[Schema, ...], parts: _Parts) -> None:
        self._contract = contract
        self._schemas = schemas
        self._parts = parts
        self.open = bool(parts.unions or parts.conditions)

    def of(self, value: Any) -> Place:
        """Return the place with the branches merged that ``value`` keeps to; itself without a choice.

        Of ``anyOf`` and ``oneOf`` it is the first branch that the value fits. If it fits none, it is the one
        of its type that shares the most with it. ``then``, ``else`` and ``dependentSchemas`` count where
        their condition holds.
        """
        return self._contract.chosen(self._schemas, value) if self.open else self

    @cached_property
    def keywords(self) -> Mapping[str, Any]:
        """The keywords about the value itself, such as ``type``, ``enum``, ``format`` and ``x-insource``."""
        merged: dict[str, Any] = {}
        for part in self._parts.schemas:
            merged.update({keyword: part[keyword] for keyword in part if keyword not in _NO_KEYWORDS})
        return {**merged, "type": sorted(self.types)} if self.types else merged

    @cached_property
    def types(self) -> frozenset[str]:
        """The JSON types that are named, those of open branches included; empty when none is."""
        types = self._types or frozenset().union(*(branch._types for branch in self.branches))
        # A null beside the real option widens a type that stands in that option.
        return types | {"null"} if types and self._parts.null else types

    @cached_property
    def _types(self) -> frozenset[str]:
        types: frozenset[str] = frozenset()
        for part in self._parts.schemas:
            named = schema_types(part)
            types = (types & named or named) if types and named else types or named
        return types

    @cached_property
    def branches(self) -> tuple[Place, ...]:
        """The branches that are left to choose between, and theirs; each once, also if it leads back here."""
        found: dict[int, Place] = {}
        waiting = [self]
        while waiting:
            parts = waiting.pop(0)._parts
            for option in (option for union in parts.unions for option in union):
                place = self._contract.place((option,))
                if place is not self and id(place) not in found:
                    found[id(place)] = place
                    waiting.append(place)
        return tuple(found.values())

    @cached_property
    def properties(self) -> Mapping[str, Place]:
        """The declared properties, in the order in which the grammar writes them."""
        names = dict.fromkeys(name for part in self._parts.schemas for name in part.get("properties", ()))
        return {name: place for name in names if (place := self.property(name)) is not None}

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self._parts.schemas for name in part.get("required", ())))

    @property
    def closed(self) -> bool:
        """Whether an object has no other keys than the declared ones."""
        return any(part.get("additionalProperties") is False for part in self._parts.schemas)

    def property(self, name: str) -> Place | None:
        """Return what holds for a property: as declared, by its name's pattern, or as any other one."""
        found: list[Schema] = []
        for part in self._parts.schemas:
            here = [part["properties"][name]] if name in part.get("properties", ()) else []
            here += [
                schema
                for pattern, schema in part.get("patternProperties", {}).items()
                if _matches(pattern, name)
            ]
            others = part.get("additionalProperties", part.get("unevaluatedProperties"))
            found += here or ([others] if isinstance(others, dict) else [])
        return self._contract.place(tuple(found)) if found else None

    def somewhere(self, name: str) -> Place | None:
        """Return what holds for a property here or in the first branch that knows it."""
        if (found := self.property(name)) is not None:
            return found
        return next((place for branch in self.branches if (place := branch.property(name))), None)

    @cached_property
    def heads(self) -> int:
        """The number of items that have a schema of their own, by ``prefixItems``."""
        return max((len(part.get("prefixItems", ())) for part in self._parts.schemas), default=0)

    def item(self, index: int) -> Place | None:
        """Return what holds for the item at ``index``, counted from 0."""
        found: list[Schema] = []
        for part in self._parts.schemas:
            heads = part.get("prefixItems", ())
            rest = part.get("items", part.get("unevaluatedItems"))
            if index < len(heads):
                found.append(heads[index])
            elif isinstance(rest, dict):
                found.append(rest)
        return self._contract.place(tuple(found)) if found else None

    @cached_property
    def items(self) -> Place | None:
        """What holds for the items after ``heads``, here or in the first branch that is a list."""
        if (found := self.item(self.heads)) is not None:
            return found
        return next((place for branch in self.branches if (place := branch.item(branch.heads))), None)

    def accepts(self, value: Any) -> bool:
        """Return whether a value fits everything that is said here."""
        try:
            return bool(self._validator.is_valid(value))
        except ValueError:  # a lone surrogate, which is no text
            return False

    @cached_property
    def _validator(self) -> Any:
        return self._contract.validator({"allOf": [True, *self._schemas]})

    @cached_property
    def endless(self) -> bool:
        """Whether this place can lead back to itself, or declares more than ``MAX_ABSENT`` fields."""
        return self._cyclic or self._size > MAX_ABSENT

    @cached_property
    def _declared(self) -> tuple[Place, ...]:
        """The places that a document has here even where it holds nothing."""
        heads = (self.item(index) for index in range(self.heads))
        return (*self.properties.values(), *(place for place in heads if place is not None))

    @cached_property
    def _cyclic(self) -> bool:
        seen: set[int] = set()
        stack = list(self._declared)
        while stack:
            place = stack.pop()
            if place is self:
                return True
            if id(place) not in seen:
                seen.add(id(place))
                stack.extend(place._declared)
        return False

    @cached_property
    def _size(self) -> int:
        if not self._declared or self._cyclic:
            return 1
        return sum(place._size for place in self._declared)


class _Parts:
    """The schemas that hold at a place, in order, and what is left to choose."""

    def __init__(self) -> None:
        self.schemas: list[dict[str, Any]] = []
        self.unions: list[tuple[Schema, ...]] = []
        self.conditions = False
        self.null = False


class _Contract:
    """The places of one resolved schema, each made once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._definitions: dict[str, Any] = root.get("$defs", {})
        self._places: dict[tuple[int, ...], Place] = {}

    def place(self, schemas: tuple[Schema, ...]) -> Place:
        key = tuple(map(id, schemas))
        if key not in self._places:
            parts = _Parts()
            seen: set[int] = set()
            for schema in schemas:
                self._flatten(schema, parts, seen)
            self._places[key] = Place(self, schemas, parts)
        return self._places[key]

    def chosen(self, schemas: tuple[Schema, ...], value: Any) -> Place:
        parts, seen = _Parts(), set[int]()
        for schema in schemas:
            self._flatten(schema, parts, seen, (value,))
        # Without references and unions these parts come to the same place again.
        key = (-1, *map(id, parts.schemas), *(id(option) for union in parts.unions for option in union))
        if key not in self._places:
            self._places[key] = Place(self, tuple(parts.schemas), parts)
        return self._places[key]

    def validator(self, schema: dict[str, Any]) -> Any:
        return jsonschema_rs.validator_for({**schema, "$defs": self._definitions}, validate_formats=True)

    def _flatten(self, schema: Schema, parts: _Parts, seen: set[int], value: tuple[Any, ...] = ()) -> None:
        """Collect what holds beside ``schema``, inner parts first; a ``value`` chooses the branches."""
        if not isinstance(schema, dict) or id(schema) in seen:
            return
        seen.add(id(schema))
        inner = [target_of(schema["$ref"], self._definitions)] if "$ref" in schema else []
        for part in (*inner, *schema.get("allOf", ())):
            self._flatten(part, parts, seen, value)
        for keyword in ("anyOf", "oneOf"):
            real = tuple(option for option in schema.get(keyword, ()) if not self._is_null(option))
            parts.null = parts.null or len(real) < len(schema.get(keyword, ()))
            if len(real) == 1:
                self._flatten(real[0], parts, seen, value)
            elif real and value and (option := self._branch(real, value[0])) is not None:
                self._flatten(option, parts, seen, value)
            elif real:
                parts.unions.append(real)
        parts.schemas.append(schema)
        for condition in self._conditional(schema, value) if value else ():
            self._flatten(condition, parts, seen, value)
        if not value and ("if" in schema or "dependentSchemas" in schema):
            parts.conditions = True

    def _is_null(self, schema: Schema, depth: int = 0) -> bool:
        if not isinstance(schema, dict):
            return False
        if schema.keys() == {"$ref"} and depth < 8:
            return self._is_null(target_of(schema["$ref"], self._definitions), depth + 1)
        only = [schema["const"]] if "const" in schema else schema.get("enum")
        return only == [None] or schema_types(schema) == {"null"}

    def _branch(self, options: tuple[Schema, ...], value: Any) -> Schema | None:
        """Return the first option that the value fits, else the nearest of its type."""
        places = [self.place((option,)) for option in options]
        possible = [n for n, place in enumerate(places) if _may_fit(value, place)]
        if len(possible) > 1 or not possible:
            for n in possible:
                if places[n].accepts(value):
                    return options[n]
            possible = [n for n, place in enumerate(places) if _type_fits(value, place.types)]
        return max(
            (options[n] for n in possible), key=lambda o: _likeness(value, self.place((o,))), default=None
        )

    def _conditional(self, schema: dict[str, Any], value: tuple[Any, ...]) -> Iterator[Schema]:
        if "if" in schema:
            yield schema.get("then" if self.place((schema["if"],)).accepts(value[0]) else "else", True)
        for name, dependent in schema.get("dependentSchemas", {}).items():
            if isinstance(value[0], dict) and name in value[0]:
                yield dependent


def _may_fit(value: Any, place: Place) -> bool:
    """Return False only for a value that cannot fit; quicker than the validator."""
    if not _type_fits(value, place.types):
        return False
    if not isinstance(value, dict):
        return True
    if any(name not in value for name in place.required):
        return False
    return all(
        not isinstance(value.get(name), str) or value[name] in allowed
        for name, inner in place.properties.items()
        if (allowed := listed_values(inner)) is not None
    )


def listed_values(place: Place) -> tuple[Any, ...] | None:
    """Return the only values that ``const`` or ``enum`` leaves, None where there is neither."""
    if "const" in place.keywords:
        return (place.keywords["const"],)
    return tuple(place.keywords["enum"]) if "enum" in place.keywords else None


def _likeness(value: Any, place: Place) -> tuple[int, int]:
    """Count the constants that agree and the keys that are known."""
    if not isinstance(value, dict):
        return (0, 0)
    agree = sum(
        value[name] in (listed_values(inner) or ())
        for name, inner in place.properties.items()
        if name in value
    )
    return (agree, sum(name in place.properties for name in value))


def _type_fits(value: Any, types: frozenset[str]) -> bool:
    if not types:
        return True
    if isinstance(value, bool):
        return "boolean" in types
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        return "number" in types or ("integer" in types and whole)
    names = {str: "string", list: "array", dict: "object", type(None): "null"}
    return names[type(value)] in types


@lru_cache(maxsize=4096)
def _matches(pattern: str, name: str) -> bool:
    """Return whether a property's name matches, as the validator has it (ECMA 262, not anchored)."""
    try:
        return bool(_pattern(pattern).is_valid(name))
    except ValueError:  # a lone surrogate, which is no text
        return False


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> Any:
    return jsonschema_rs.validator_for({"pattern": pattern})
