"""Learn how the values of a field are written: the shapes that an answer has to keep, the decimal mark."""

from __future__ import annotations

import re
import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from insource.matching.align import Slot, align
from insource.matching.comparators import Kind
from insource.matching.numbers import DecimalMark, decimal_marks

MIN_LABELS = 20
"""With fewer labels nothing is known about a field's shapes."""

MAX_UNSEEN = 0.01
"""A field is shaped when the chance that its next label has a new shape is at most this."""

_MEASURED: frozenset[Kind | None] = frozenset({"quantity", "number", "integer"})


_ASCII = str.maketrans(
    string.digits + string.ascii_uppercase + string.ascii_lowercase, "9" * 10 + "A" * 26 + "a" * 26
)
_RUN = re.compile(r"(A|a)\1+")


def shape(value: Any) -> str:
    """Return the pattern of a value: ``480 V`` is ``999 A``, ``2026-04-12`` is ``9999-99-99``.

    The number 7 is ``<number>``.

    A digit is 9, a run of capitals A, a run of other letters a; the rest stands for itself.
    """
    if isinstance(value, bool):
        return "<boolean>"
    if isinstance(value, int | float):
        return "<number>"
    if not isinstance(value, str):
        return f"<{type(value).__name__}>"
    return _text_shape(value)


@lru_cache(maxsize=65_536)
def _text_shape(value: str) -> str:
    marked = value.translate(_ASCII) if value.isascii() else "".join(map(_mark, value))
    return _RUN.sub(r"\1", marked)


def _mark(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character


def free_length(pattern: str) -> str:
    """Return a shape without the number of its digits: ``999 A`` is ``9 A``."""
    return re.sub(r"9+", "9", pattern)


@dataclass(frozen=True, slots=True)
class SurfaceForms:
    """The shapes seen in the labels of each shaped field; ``labels`` counts what was learned from.

    Fields missing here are free text (or too rarely filled to tell) and may look like anything.
    ``decimals`` has the decimal mark of the measured fields whose labels settle it: ``1.234,56`` occurs,
    and no label shows the other mark.
    """

    shapes: Mapping[str, frozenset[str]]
    labels: Mapping[str, int]
    decimals: Mapping[str, DecimalMark] = field(default_factory=dict)

    @classmethod
    def fit(cls, targets: Iterable[Any], schema: Mapping[str, Any] | None = None) -> SurfaceForms:
        """Learn from label objects.

        A field is shaped when it has at least ``MIN_LABELS`` labels and the Good-Turing estimate of
        unseen shapes, the share of labels whose shape occurs once, is at most ``MAX_UNSEEN``
        (Good 1953). The number of digits is part of a shape only where all labels agree on it and
        the field is not a measure: dates have four-digit years, but volts may have two or three.
        """
        values: dict[str, list[str]] = defaultdict(list)
        measured: set[str] = set()
        marks: dict[str, set[DecimalMark]] = defaultdict(set)
        for target in targets:
            for slot in align(target, None, schema):
                if slot.gold is not None:
                    values[slot.path].append(shape(slot.gold))
                    if slot.comparator.kind in _MEASURED:
                        measured.add(slot.path)
                        marks[slot.path] |= marks_of(slot)
        shapes = {path: _shapes(seen, path in measured) for path, seen in values.items()}
        return cls(
            shapes={path: kept for path, kept in shapes.items() if kept},
            labels={path: len(seen) for path, seen in values.items()},
            decimals={path: next(iter(found)) for path, found in marks.items() if len(found) == 1},
        )

    def shaped(self, path: str) -> bool:
        """Return whether this field's labels keep to a few shapes."""
        return path in self.shapes

    def canonical(self, path: str, value: Any, gold: Any = None) -> bool:
        """Return whether a value is written as the labels of its field are.

        In a shaped field its shape must occur in the labels; with ``gold``, the label it equals
        under the comparator, it must also be spelled as that label: ``0.48 kV`` is not canonical
        where the label says ``480 V``. In free text everything is canonical.
        """
        allowed = self.shapes.get(path)
        if allowed is None:
            return True
        if gold is not None and (value != gold or isinstance(value, str) != isinstance(gold, str)):
            return False
        pattern = shape(value)
        return pattern in allowed or free_length(pattern) in allowed


def marks_of(slot: Slot) -> set[DecimalMark]:
    """Return the decimal marks that a label shows, where it is a number or quantity written as text."""
    kind, value = slot.comparator.kind, slot.gold
    readable = isinstance(value, str) and kind and slot.comparator.normal_form(value, kind) is not None
    return decimal_marks(value) if readable else set()


def _shapes(seen: list[str], measured: bool) -> frozenset[str]:
    """Return the shapes of a field, empty for free text. Patterns with free digit counts have one 9 a run."""
    by_length = defaultdict(set)
    for pattern in seen:
        by_length[free_length(pattern)].add(pattern)
    once = sum(count == 1 for count in Counter(map(free_length, seen)).values())
    if len(seen) < MIN_LABELS or once / len(seen) > MAX_UNSEEN:
        return frozenset()
    return frozenset(
        next(iter(patterns)) if len(patterns) == 1 and not measured else free
        for free, patterns in by_length.items()
    )
