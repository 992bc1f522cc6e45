"""Split a row's answer into the fields that a reviewer decides about one by one."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from insource.contract.asked import restricted
from insource.contract.places import Place, valid_place
from insource.contract.validate import fits
from insource.formats.strict_json import as_object, strict_json
from insource.foundation import canonical
from insource.matching.comparators import Comparator, comparator_for
from insource.types import JsonSchema, Labels, OutputSpec, Row

WHOLE = ""
"""The pointer to the whole answer."""

_ABSENT_DEPTH = 2  # how deep the fields of an object that is not there are offered


@dataclass(frozen=True, slots=True)
class AnswerField:
    """One field: a leaf of the answer, or a list as a whole, so that items can be added and removed.

    ``pointer`` is a JSON Pointer (RFC 6901); ``value`` is None where the answer has nothing. ``choices`` are
    the values that the contract allows, empty when they are open.
    """

    pointer: str
    value: Any
    place: Place | None = None
    choices: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """``power.voltage``, for people."""
        parts = [_unescaped(part) for part in self.pointer.split("/")[1:]]
        return ".".join(parts) or "answer"

    @property
    def comparator(self) -> Comparator:
        """Of the value, or of each item of a list."""
        place = self.place.of(self.value) if self.place and self.value is not None else self.place
        items = place.items if place and "array" in self.types else None
        place = items or place
        return comparator_for(place.keywords if place else None)

    @property
    def types(self) -> frozenset[str]:
        """The JSON types that the contract names."""
        return self.place.types if self.place else frozenset()

    def read(self, text: str) -> Any:
        """Return the value that the typed text stands for: text where only text fits, else JSON.

        Where both can, what is no JSON is text, and what could be either keeps the type of the value
        before, so that ``400`` in place of the text ``480`` is text, too.

        Raises:
            ValueError: it is no JSON where text cannot stand, or begins as the list or object before did.
        """
        types = self.types
        if types - {"null"} == {"string"} or (not types and isinstance(self.value, str | None)):
            return text
        try:
            value = strict_json(text)
        except ValueError:
            slip = text.startswith(("[", "{")) and isinstance(self.value, list | dict)
            if "string" not in types or slip:
                raise
            return text
        was_text = isinstance(self.value, str) and not isinstance(value, list | dict)
        if "string" in types and (was_text or not fits(value, {"type": sorted(types)})):
            return text
        return value

    @property
    def nullable(self) -> bool:
        return "null" in self.types or not self.types


def input_digest(row: Row) -> str:
    """Return what a decision is about: document and fields asked for, as 12 hex digits."""
    return canonical.short(canonical.digest([row.input, row.attributes]))


def row_hash(row_id: str) -> int:
    """Return a row's id as a number of 64 bits."""
    return int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest(), "big")


def schema_of(row: Row, contract: OutputSpec) -> dict[str, Any] | None:
    """Return the JSON Schema of a row's answer, None when answers are labels or text."""
    if row.contract is not None:
        return row.contract
    return contract.definition if isinstance(contract, JsonSchema) else None


def fields_of(row: Row, contract: OutputSpec) -> tuple[AnswerField, ...]:
    """Return the fields of a row's answer in the order of its schema, empty ones included."""
    schema, value = schema_of(row, contract), as_object(row.output)
    if schema is None or value is None:
        choices = contract.names if isinstance(contract, Labels) and row.contract is None else ()
        return (AnswerField(WHOLE, _answer(row, schema), choices=choices),)
    if row.attributes is not None and valid_place(schema):
        schema = restricted(schema, tuple(dict.fromkeys([*row.attributes, *value])))
    return tuple(_leaves(value, valid_place(schema), WHOLE, 0))


def present(row: Row) -> tuple[AnswerField, ...]:
    """Return the fields that a row's answer fills, whatever the contract says."""
    value = as_object(row.output)
    if value is None:
        return (AnswerField(WHOLE, _answer(row, None)),)
    return tuple(leaf for leaf in _leaves(value, None, WHOLE, 0) if leaf.value not in (None, {}, [], ""))


def value_at(row: Row, pointer: str) -> Any:
    """Return the value at a pointer, None where there is nothing."""
    value = as_object(row.output)
    if pointer == WHOLE:
        return _answer(row, None) if value is None else value
    node: Any = value
    for part in pointer.split("/")[1:]:
        node = node.get(_unescaped(part)) if isinstance(node, dict) else None
    return node


def with_values(row: Row, values: Mapping[str, Any]) -> Row:
    """Return the row with other values at these pointers; the very same row when nothing differs.

    An absent field that becomes null stays absent.
    """
    changed = {pointer: value for pointer, value in values.items() if not same(value_at(row, pointer), value)}
    if not changed:
        return row
    if WHOLE in changed:
        return row.model_copy(update={"output": changed[WHOLE]})
    answer = copy.deepcopy(as_object(row.output) or {})
    for pointer, value in changed.items():
        *parents, last = (_unescaped(part) for part in pointer.split("/")[1:])
        node = answer
        for parent in parents:
            if not isinstance(node.get(parent), dict):
                node[parent] = {}
            node = node[parent]
        node[last] = value
    return row.model_copy(update={"output": answer})


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same JSON; Python's own equality takes true for 1."""
    return canonical.dumps(one) == canonical.dumps(other)


def _answer(row: Row, schema: Mapping[str, Any] | None) -> Any:
    return row.output.strip() if isinstance(row.output, str) and schema is None else row.output


def _leaves(value: Any, place: Place | None, pointer: str, depth: int) -> Iterator[AnswerField]:
    chosen = place.of(value) if place and value is not None else place
    absent = value is None and depth <= _ABSENT_DEPTH
    keys = dict.fromkeys(chosen.properties) if chosen and (isinstance(value, dict) or absent) else {}
    keys |= dict.fromkeys(value) if isinstance(value, dict) else {}
    if not keys:
        yield AnswerField(pointer, value, place, _choices(place))
    for key in keys:
        inner = value.get(key) if isinstance(value, dict) else None
        known = chosen.property(key) if chosen else None
        yield from _leaves(inner, known, f"{pointer}/{_escaped(key)}", depth + 1)


def _choices(place: Place | None) -> tuple[Any, ...]:
    if not place:
        return ()
    if isinstance(place.keywords.get("enum"), list):
        return tuple(place.keywords["enum"])
    if place.types and place.types <= {"boolean", "null"}:
        return (True, False, *((None,) if "null" in place.types else ()))
    return ()


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
