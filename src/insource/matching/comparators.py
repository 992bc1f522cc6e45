"""Compare two values by type: one comparator a field, chosen from its JSON Schema.

Equality is typed and all or nothing. There is no credit for being close: 400 V is not nearly 480 V.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, cast, get_args

from insource.contract.places import schema_types
from insource.foundation.errors import ConfigError
from insource.matching.dates import Moment, parse_date
from insource.matching.normal_forms import fold_id, fold_text
from insource.matching.numbers import DecimalMark, Number, read_number
from insource.matching.quantities import Quantity, parse_quantity

Kind = Literal["quantity", "id", "enum", "number", "integer", "boolean", "date", "text", "exact"]
ListKind = Literal["set", "multiset", "sequence"]
KEYWORD = "x-insource"


@dataclass(frozen=True, slots=True)
class Comparator:
    """The equality of one field.

    ``kind`` None compares by the type of the label's value. ``unit`` is the unit a quantity without
    one is in; ``abs_tol`` (in that unit, else in SI base units) and ``rel_tol`` widen numbers and
    quantities; ``aliases`` maps accepted spellings to the canonical one; ``day_first`` settles
    ``03/04/2024``, and ``decimal``, the field's decimal mark, settles ``1.234``.

    Three options say what else scoring needs of a field: ``derived`` values are worked out, not read;
    ``automation`` fields have to be right for a document that nobody touches; ``cost`` is what correcting it
    costs, in any unit.
    """

    kind: Kind | None = None
    unit: str | None = None
    abs_tol: float = 0.0
    rel_tol: float = 0.0
    day_first: bool | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    decimal: DecimalMark | None = None
    derived: bool = False
    automation: bool = False
    cost: float | None = None

    def equal(self, gold: Any, predicted: Any) -> bool:
        """Return whether the two values are the same under this field's type. Never raises."""
        kind = self.kind or _kind_of(gold)
        if kind == "exact":
            return _identical(gold, predicted)
        if kind == "boolean":
            return isinstance(predicted, bool) and predicted is gold
        if type(gold) is type(predicted):
            if gold == predicted and _identical(gold, predicted):
                return True
            if kind in ("number", "integer") and isinstance(gold, int | float) and not self._tolerant:
                return False  # two doubles, or two integers: no spelling makes them the same
        left, right = self.normal_form(gold, kind), self.normal_form(predicted, kind)
        if left is None or right is None:
            # A label that is not of its declared type (``n/a`` in a date field) is compared as text.
            unreadable = left is None and right is None
            return unreadable and isinstance(gold, str) and Comparator("text").equal(gold, predicted)
        if isinstance(left, Quantity) and isinstance(right, Quantity):
            return self._same_quantity(left, right)
        if isinstance(left, Number) and isinstance(right, Number):
            return left.same_currency(right) and self._near(left.value, right.value)
        if isinstance(left, Moment) and isinstance(right, Moment):
            return left.same(right)
        return left == right

    def normal_form(self, value: Any, kind: Kind) -> Quantity | Number | Moment | str | None:
        """Return what is compared, None when the value is not of this kind. Equal forms are equal values."""
        if kind == "quantity":
            return parse_quantity(value, self.unit, self.decimal)
        if kind in ("number", "integer"):
            return read_number(value, self.decimal)
        if kind == "date":
            return parse_date(value, self.day_first)
        if kind == "id":
            return fold_id(value)
        if not isinstance(value, str):
            return None
        folded = fold_text(value)
        return self.aliases.get(folded, folded)

    @property
    def _tolerant(self) -> bool:
        return bool(self.abs_tol or self.rel_tol)

    def _same_quantity(self, gold: Quantity, predicted: Quantity) -> bool:
        if gold.kind != predicted.kind:
            return False
        if gold.qualifier and predicted.qualifier and gold.qualifier != predicted.qualifier:
            return False
        return self._near(gold.low, predicted.low) and self._near(gold.high, predicted.high)

    def _near(self, gold: Decimal | Fraction, predicted: Decimal | Fraction) -> bool:
        """Return whether two exact numbers differ by no more than the tolerances as they are written."""
        if gold == predicted or not self._tolerant:
            return gold == predicted
        one, other = Fraction(gold), Fraction(predicted)
        relative = Fraction(str(self.rel_tol)) * max(abs(one), abs(other))
        return abs(one - other) <= max(Fraction(str(self.abs_tol)), relative)


def _identical(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same; Python's own equality takes true for 1."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_identical, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_identical(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def comparator_for(schema: Mapping[str, Any] | None) -> Comparator:
    """Return the comparator of a leaf: the property's ``x-insource`` keyword, else its enum, type and format.

    Raises:
        ConfigError: ``unknown-comparator`` when ``x-insource`` names a comparison that does not exist.
    """
    if not isinstance(schema, Mapping):
        return Comparator()
    declared = _declared(schema)
    kind = declared.get("compare", _kind_from_schema(schema))
    if kind is not None and kind not in get_args(Kind):
        raise ConfigError(
            "unknown-comparator",
            f'"{KEYWORD}": {{"compare": {kind!r}}} is not a way to compare values.',
            hint="Use one of: " + ", ".join(get_args(Kind)),
        )
    if (decimal := declared.get("decimal")) not in (None, ".", ","):
        raise ConfigError(
            "unknown-comparator",
            f'"{KEYWORD}": {{"decimal": {decimal!r}}} is not a decimal mark.',
            hint='Use "." or ",".',
        )
    return Comparator(
        kind=cast("Kind | None", kind),
        unit=declared.get("unit"),
        abs_tol=declared.get("abs_tol", 0.0),
        rel_tol=declared.get("rel_tol", 0.0),
        day_first=declared.get("day_first"),
        aliases={fold_text(k): fold_text(v) for k, v in declared.get("aliases", {}).items()},
        decimal=decimal,
        derived=declared.get("derived") is True,
        automation=declared.get("automation") is True,
        cost=declared.get("cost"),
    )


def list_kind(schema: Mapping[str, Any] | None) -> ListKind:
    """Return how a list compares: declared, else as a multiset (order does not matter, repeats do).

    Raises:
        ConfigError: ``unknown-comparator`` when ``x-insource`` names a list kind that does not exist.
    """
    kind = _declared(schema).get("list", "multiset")
    if kind not in get_args(ListKind):
        raise ConfigError(
            "unknown-comparator",
            f'"{KEYWORD}": {{"list": {kind!r}}} is not a way to compare lists.',
            hint="Use one of: " + ", ".join(get_args(ListKind)),
        )
    return cast("ListKind", kind)


def _declared(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    declared = schema.get(KEYWORD) if isinstance(schema, Mapping) else None
    return declared if isinstance(declared, Mapping) else {}


def _kind_from_schema(schema: Mapping[str, Any]) -> Kind | None:
    values = [v for v in schema.get("enum", [schema["const"]] if "const" in schema else []) if v is not None]
    if values and all(isinstance(v, str) for v in values):
        # Members that differ only in case or spacing are told apart literally.
        return "enum" if len({fold_text(v) for v in values}) == len(values) else "exact"
    if any(isinstance(v, str) for v in values) and not all(isinstance(v, str | list | dict) for v in values):
        return "exact"  # the text "1" and the number 1 are two members
    scalar = schema_types(schema) - {"null", "array", "object"}
    if len(scalar) != 1:
        return None
    kinds: dict[str, Kind] = {
        "integer": "integer",
        "number": "number",
        "boolean": "boolean",
        "string": "text",
    }
    kind = kinds.get(next(iter(scalar)))
    formats: dict[str, Kind] = {"date": "date", "date-time": "date", "uuid": "id"}
    return formats.get(schema.get("format", ""), kind) if kind == "text" else kind


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "exact"
