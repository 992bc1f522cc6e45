"""Count how the numbers and quantities in the labels are read, for what the data card has to say about it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from insource.matching.align import Slot, align
from insource.matching.numbers import DecimalMark, decimal_marks, is_ambiguous
from insource.matching.quantities import UNKNOWN, Quantity
from insource.types import Example, JsonSchema, OutputSpec, Split

SHOWN = 5
MAX_UNITS = 1000
"""Different unknown units of one field that are told apart; the rest are counted together."""


@dataclass
class _Field:
    values: int = 0
    not_read: int = 0
    ambiguous: int = 0
    example: str = ""
    declared: DecimalMark | None = None
    units: Counter[str] = field(default_factory=Counter)
    shown: set[DecimalMark] = field(default_factory=set)


class Readings:
    """Numbers and quantities that labels spell as text, by field."""

    def __init__(self, contract: OutputSpec) -> None:
        self._schema = contract.definition if isinstance(contract, JsonSchema) else None
        self._measured = _declares_measures(self._schema)
        self._fields: dict[str, _Field] = defaultdict(_Field)

    def add(self, split: Split, example: Example) -> None:
        """Count the label of one example. Decimal marks count in the training split, as in scoring."""
        own = example.contract
        if not (self._measured if own is None else _declares_measures(own)):
            return
        for slot in align(json.loads(example.target), None, self._schema if own is None else own):
            if isinstance(slot.gold, str) and slot.comparator.kind in ("quantity", "number", "integer"):
                self._count(slot, slot.gold, learns=split == "train" and own is None)

    def _count(self, slot: Slot, value: str, *, learns: bool) -> None:
        found, kind = self._fields[slot.path], slot.comparator.kind
        form = slot.comparator.normal_form(value, kind) if kind else None
        found.values += 1
        found.declared = slot.comparator.decimal
        if form is None:
            found.not_read += 1
            return
        if isinstance(form, Quantity) and not form.known:
            name = form.kind.removeprefix(UNKNOWN)
            found.units[name if name in found.units or len(found.units) < MAX_UNITS else "others"] += 1
        if is_ambiguous(value):
            found.ambiguous += 1
            found.example = found.example or value
        if learns:
            found.shown |= decimal_marks(value)

    def notes(self) -> tuple[str, ...]:
        """Return what a reader should know: what is compared as text, and what could be read in two ways."""
        notes: list[str] = []
        for path, found in sorted(self._fields.items()):
            of = f"of the {found.values:,} values of {path} that are text"
            if found.units:
                named = ", ".join(f"{unit} ({count:,})" for unit, count in found.units.most_common(SHOWN))
                more = f" and {len(found.units) - SHOWN:,} more" if len(found.units) > SHOWN else ""
                notes.append(
                    f"{found.units.total():,} {of} have a unit that is not known. It is compared as text: "
                    f"{named}{more}."
                )
            if found.not_read:
                notes.append(
                    f"{found.not_read:,} {of} cannot be read as measures. They are compared as text."
                )
            if found.ambiguous and not found.declared and found.shown != {"."}:
                notes.append(f"{found.ambiguous:,} {of} could be read in two ways. {_reading(found)}")
        return tuple(notes)


def _reading(found: _Field) -> str:
    if found.shown == {","}:
        return f'"{found.example}" is read with a decimal comma, because other training labels show it.'
    why = "the training labels show both marks" if found.shown else "no training label shows which is meant"
    return (
        f'"{found.example}" is read with a decimal point, because {why}; '
        '"x-insource": {"decimal": ","} would say otherwise.'
    )


def _declares_measures(schema: Any) -> bool:
    """Return whether some field may hold a number or quantity as text; reading labels of others is no use."""
    text = json.dumps(schema)
    return '"x-insource"' in text and any(f'"{kind}"' in text for kind in ("quantity", "number", "integer"))
