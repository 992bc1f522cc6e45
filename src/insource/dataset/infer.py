"""What answers look like, inferred from examples: labels, a JSON Schema, or free text.

The schema is closed and bounded, so that it can drive constrained decoding without running away:
every length, count and magnitude has the largest seen value as its measure, with headroom.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from insource.dataset.records import as_object
from insource.types import JsonSchema, Labels, OutputSpec, Text

MAX_LABELS = 1000
MAX_LABEL_LENGTH = 100
MAX_ENUM = 50
ENUM_REPEATS = 20
ENUM_RAREST = 3
MIN_TEXT_LENGTH = 32
EXTRA_DECIMALS = 2
MAX_DECIMALS = 6
MAX_BOUNDED = 10**14
_TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")


def infer_output(outputs: Sequence[str | dict[str, Any]]) -> OutputSpec:
    """The output contract of these answers.

    Objects (or text that spells them) when they are the majority; else labels when the texts are
    short, on one line, and each distinct one stands twice on average; else free text.
    """
    objects = [found for output in outputs if (found := as_object(output)) is not None]
    if 2 * len(objects) >= len(outputs):
        return JsonSchema(definition=infer_schema(objects), inferred=True)
    texts = [output.strip() for output in outputs if isinstance(output, str) and as_object(output) is None]
    names = sorted(set(texts))
    short = all(len(name) <= MAX_LABEL_LENGTH and "\n" not in name for name in names)
    if short and len(names) <= MAX_LABELS and 2 * len(names) <= len(texts):
        return Labels(names=tuple(names), inferred=True)
    return Text()


def infer_schema(values: Iterable[Any]) -> dict[str, Any]:
    """The closed JSON Schema that all ``values`` fit, properties in their usual order.

    A property is required when it is in every object of its level; any other may also be null, which
    says the same as leaving it out and is how many models say it. Text becomes an ``enum`` of at
    most 50 values when each was seen three times and the average one twenty times: with no value
    seen only once, Good and Turing (Good 1953) put the chance of a new one near zero.
    """
    node = _Node()
    for value in values:
        node.observe(value)
    return node.schema()


class _Node:
    """What was seen at one place of the document."""

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.numbers: list[float] = []
        self.decimals = 0
        self.longest_list = 0
        self.items: _Node | None = None
        self.properties: dict[str, _Node] = {}

    def observe(self, value: Any) -> None:
        kind = _type(value)
        self.types[kind] += 1
        if isinstance(value, str):
            self.texts[value] += 1
        elif kind in ("integer", "number"):
            self.numbers.append(value)
            exponent = Decimal(repr(value)).as_tuple().exponent
            self.decimals = max(self.decimals, -exponent if isinstance(exponent, int) else 0)
        elif isinstance(value, list):
            self.longest_list = max(self.longest_list, len(value))
            for item in value:
                self.items = self.items or _Node()
                self.items.observe(item)
        elif isinstance(value, dict):
            self._observe_object(value)

    def _observe_object(self, value: dict[str, Any]) -> None:
        previous = None
        for name, child in value.items():
            if name not in self.properties:
                self.properties = _insert_after(self.properties, previous, name)
            self.properties[name].observe(child)
            previous = name

    def schema(self, *, nullable: bool = False) -> dict[str, Any]:
        types = [name for name in _TYPES if self.types[name] or (nullable and name == "null")]
        if "number" in types and "integer" in types:
            types.remove("integer")
        result: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
        if values := self._enum(types):
            result["enum"] = values
        elif self.texts:
            result["maxLength"] = max(MIN_TEXT_LENGTH, 2 * max(map(len, self.texts)))
        if self.numbers:
            result |= self._number_bounds("number" in types)
        if self.types["array"]:
            result |= {"items": self.items.schema()} if self.items else {}
            result["maxItems"] = 2 * self.longest_list
        if self.types["object"]:
            result |= self._object()
        return result

    def _enum(self, types: list[str]) -> list[str | None]:
        seen = self.texts.total()
        closed = (
            set(types) <= {"string", "null"}
            and 0 < len(self.texts) <= MAX_ENUM
            and seen >= ENUM_REPEATS * len(self.texts)
            and min(self.texts.values()) >= ENUM_RAREST
        )
        return [*sorted(self.texts), *([None] if "null" in types else [])] if closed else []

    def _number_bounds(self, fractional: bool) -> dict[str, Any]:
        low, high = min(self.numbers), max(self.numbers)
        if max(high, -low) > MAX_BOUNDED or any("e" in repr(number) for number in self.numbers):
            return {}  # a bounded number has no exponent form in llguidance
        bounds: dict[str, Any] = {
            "minimum": 0 if low >= 0 else -_headroom(-low),
            "maximum": _headroom(max(high, 1)),
        }
        if fractional and self.decimals <= MAX_DECIMALS:
            bounds["multipleOf"] = float(f"1e-{self.decimals + EXTRA_DECIMALS}")
        return bounds

    def _object(self) -> dict[str, Any]:
        seen = self.types["object"]
        required = [name for name, child in self.properties.items() if child.types.total() == seen]
        return {
            "properties": {
                name: child.schema(nullable=name not in required) for name, child in self.properties.items()
            },
            "required": required,
            "additionalProperties": False,
        }


def _insert_after(properties: dict[str, _Node], previous: str | None, name: str) -> dict[str, _Node]:
    """A new property takes the place it has in its own document: behind its predecessor there."""
    if previous is None:
        return {name: _Node(), **properties} if properties else {name: _Node()}
    result: dict[str, _Node] = {}
    for known, node in properties.items():
        result[known] = node
        if known == previous:
            result[name] = _Node()
    return result


def _headroom(magnitude: float) -> int:
    """The largest integer with one digit more than ``magnitude`` (above 0) has, at least 99."""
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
