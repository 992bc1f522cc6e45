"""Infer the schema of one field from every value seen there, in bounded memory.

The schema is closed and bounded, so that it can drive constrained decoding without running away: every
length, count and magnitude has the largest seen value as its measure, with headroom.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from insource.contract.text_shapes import TextShape
from insource.types import Frozen

MAX_ENUM = 50
ENUM_REPEATS = 20
ENUM_RAREST = 3
MIN_TEXT_LENGTH = 32
EXTRA_DECIMALS = 2
MAX_DECIMALS = 6
MAX_BOUNDED = 10**14
MAX_PROPERTIES = 1000
EXAMPLES = 3
EXAMPLE_LENGTH = 40
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


class FieldEvidence(Frozen):
    """Why a field's schema is what it is.

    ``seen`` of ``of`` documents (or list items) have the field, ``null`` of them without a value.
    ``distinct`` counts different texts, up to 50; None when there are more. ``why`` is in words.
    """

    path: str
    types: tuple[str, ...]
    seen: int
    of: int
    null: int
    distinct: int | None
    examples: tuple[str, ...]
    why: str


class ObservedField:
    """What was seen at one place of the document."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.examples: list[str] = []
        self._texts: Counter[str] | None = Counter()  # None when they are too many for an enum
        self._shape = TextShape()
        self._longest_text = 0
        self._low = self._high = 0.0
        self._exponents = False
        self._decimals = 0
        self._longest_list = 0
        self._items: ObservedField | None = None
        self._properties: dict[str, ObservedField] = {}
        self._others: ObservedField | None = None  # under the names beyond MAX_PROPERTIES

    def observe(self, value: Any) -> None:
        kind = _type(value)
        self.types[kind] += 1
        if isinstance(value, str):
            self._observe_text(value)
        elif kind in ("integer", "number"):
            self._observe_number(value)
        elif isinstance(value, list):
            self._longest_list = max(self._longest_list, len(value))
            for item in value:
                self._items = self._items or ObservedField()
                self._items.observe(item)
        elif isinstance(value, dict):
            self._observe_object(value)
        if len(self.examples) < EXAMPLES and kind not in ("null", "object", "array"):
            self._example(str(value))

    def _observe_text(self, value: str) -> None:
        self._shape.observe(value)
        self._longest_text = max(self._longest_text, len(value))
        if self._texts is not None:
            self._texts[value] += 1
            if len(self._texts) > MAX_ENUM:
                self._texts = None

    def _observe_number(self, value: float) -> None:
        first = self.types["integer"] + self.types["number"] == 1
        self._low = value if first else min(self._low, value)
        self._high = value if first else max(self._high, value)
        if isinstance(value, float):
            spelled = repr(value)
            self._exponents = self._exponents or "e" in spelled
            exponent = Decimal(spelled).as_tuple().exponent
            self._decimals = max(self._decimals, -exponent if isinstance(exponent, int) else 0)

    def _observe_object(self, value: dict[str, Any]) -> None:
        previous = None
        for name, child in value.items():
            if name not in self._properties:
                if len(self._properties) >= MAX_PROPERTIES:
                    self._others = self._others or ObservedField()
                    self._others.observe(child)
                    continue
                self._properties = _insert_after(self._properties, previous, name)
            self._properties[name].observe(child)
            previous = name

    def _example(self, spelled: str) -> None:
        if (short := _short(spelled)) not in self.examples:
            self.examples.append(short)

    def schema(self, *, nullable: bool = False) -> dict[str, Any]:
        """Return the JSON Schema that every value seen fits, properties in their usual order."""
        types = [name for name in _TYPES if self.types[name] or (nullable and name == "null")]
        if "number" in types and "integer" in types:
            types.remove("integer")
        result: dict[str, Any] = {"type": types[0] if len(types) == 1 else types} if types else {}
        if self.types["string"]:
            result |= self._text_bounds(types)[0]
        if self.types["integer"] or self.types["number"]:
            result |= self._number_bounds("number" in types)
        if self.types["array"]:
            result |= {"items": self._items.schema()} if self._items else {}
            result["maxItems"] = 2 * self._longest_list
        if self.types["object"]:
            result |= self._object()
        return result

    def _text_bounds(self, types: list[str]) -> tuple[dict[str, Any], str]:
        """Return what holds for texts, and why in words."""
        if not set(types) <= {"string", "null"}:
            return self._max_length(), "texts beside other types"
        seen, distinct = self.types["string"], len(self._texts or ())
        if self._texts is None:
            why = f"more than {MAX_ENUM} different values"
        elif (rarest := min(self._texts.values())) < ENUM_RAREST or seen < ENUM_REPEATS * distinct:
            why = f"{seen} values, {distinct} different, the rarest {rarest} times: too few for an enum"
        else:
            values = [*sorted(self._texts), *([None] if "null" in types else [])]
            why = f"{distinct} values, {seen // distinct} times each on average, the rarest {rarest} times"
            return {"enum": values}, why
        if self._shape.dates:
            return {"format": "date"}, f"all {seen} values are ISO dates"
        if pattern := self._shape.pattern:
            return {"pattern": pattern}, f"all {seen} values have this shape"
        return self._max_length(), why

    def _max_length(self) -> dict[str, Any]:
        return {"maxLength": max(MIN_TEXT_LENGTH, 2 * self._longest_text)}

    def _number_bounds(self, fractional: bool) -> dict[str, Any]:
        low, high = self._low, self._high
        if max(high, -low) > MAX_BOUNDED or self._exponents:
            return {}  # a bounded number has no exponent form in llguidance
        bounds: dict[str, Any] = {
            "minimum": 0 if low >= 0 else -_headroom(-low),
            "maximum": _headroom(max(high, 1)),
        }
        if fractional and self._decimals <= MAX_DECIMALS:
            bounds["multipleOf"] = float(f"1e-{self._decimals + EXTRA_DECIMALS}")
        return bounds

    def _object(self) -> dict[str, Any]:
        return {
            "properties": {
                name: child.schema(nullable=not self._required(child))
                for name, child in self._properties.items()
            },
            "required": [name for name, child in self._properties.items() if self._required(child)],
            "additionalProperties": self._others.schema() if self._others else False,
        }

    def _required(self, child: ObservedField) -> bool:
        return child.types.total() == self.types["object"]

    def evidence(self, path: str = "", of: int | None = None) -> Iterator[FieldEvidence]:
        """This place and those under it, in the order of the schema; the whole document has no line."""
        seen = self.types.total()
        if path:
            types = [name for name in _TYPES if self.types[name]]
            yield FieldEvidence(
                path=path,
                types=tuple(types),
                seen=seen,
                of=seen if of is None else of,
                null=self.types["null"],
                distinct=None if self._texts is None else len(self._texts),
                examples=tuple(self.examples),
                why="; ".join(self._why(types)),
            )
        for name, child in self._properties.items():
            yield from child.evidence(f"{path}.{name}" if path else name, self.types["object"])
        if self._items:
            yield from self._items.evidence(f"{path}[]")

    def _why(self, types: list[str]) -> Iterator[str]:
        if self.types["string"]:
            yield self._text_bounds(types)[1]
        if self.types["integer"] or self.types["number"]:
            yield f"between {_short(self._low)} and {_short(self._high)}"
        if self.types["array"]:
            yield f"at most {self._longest_list} items"
        if self._others:
            yield f"more than {MAX_PROPERTIES} different names: any name is taken"


def _short(value: Any) -> str:
    spelled = str(value)
    return spelled if len(spelled) <= EXAMPLE_LENGTH else f"{spelled[: EXAMPLE_LENGTH - 1]}…"


def _insert_after(
    properties: dict[str, ObservedField], previous: str | None, name: str
) -> dict[str, ObservedField]:
    """Return a new property takes the place it has in its own document: behind its predecessor there."""
    if previous is None:
        return {name: ObservedField(), **properties} if properties else {name: ObservedField()}
    result: dict[str, ObservedField] = {}
    for known, field in properties.items():
        result[known] = field
        if known == previous:
            result[name] = ObservedField()
    return result


def _headroom(magnitude: float) -> int:
    """Return the largest integer with one digit more than ``magnitude`` (above 0) has, at least 99."""
    return int(10 ** (max(1, math.floor(math.log10(magnitude)) + 1) + 1)) - 1


def _type(value: Any) -> str:
    if value is None:
        return "null"
    names: dict[type, str] = {
        bool: "boolean",
        str: "string",
        int: "integer",
        float: "number",
        list: "array",
        dict: "object",
    }
    return names[type(value)]
