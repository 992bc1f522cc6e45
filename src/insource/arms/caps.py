"""Limits for what the schema leaves endless, from the training answers.

Under a grammar without limits a model may write a number or a text until its room for an answer is full.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from insource.contract.places import Place, place_of
from insource.models.fitted.spans.fields import ITEM, Path
from insource.models.grounding.grounding import Cap, place_at

LEAST_VALUES = 20
"""With fewer values, the longest one says too little."""

FACTOR, SPARE = 2, 20
"""A text may be twice as long as the longest in training and this many characters more."""

MOST_CHARACTERS = 2000
"""A longer limit costs the grammar more than it saves: the room for an answer ends such a text."""

_LIMITED = {
    str: frozenset({"maxLength", "enum", "const", "pattern", "format"}),
    int: frozenset({"maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "enum", "const"}),
    list: frozenset({"maxItems", "enum", "const"}),
}


class _Seen:
    """The values of one kind at one place: how many, and the size of the largest."""

    def __init__(self) -> None:
        self.values = self.most = 0

    def add(self, size: int) -> None:
        self.values, self.most = self.values + 1, max(self.most, size)


def caps_of(schema: dict[str, Any], answers: Iterable[Any]) -> tuple[Cap, ...]:
    """Return the limits of texts, whole numbers and lists that ``schema`` leaves without one."""
    whole, seen = place_of(schema), dict[tuple[Path, type], _Seen]()
    for answer in answers:
        _note(answer, (), seen)
    found: dict[Path, dict[str, int]] = {}
    for (path, kind), one in seen.items():
        place = place_at(whole, path)
        if place is None or place.open or one.values < LEAST_VALUES or _LIMITED[kind] & place.keywords.keys():
            continue
        if limits := _limits(kind, one.most, place):
            found.setdefault(path, {}).update(limits)
    return tuple(Cap(path, limits) for path, limits in found.items())


def _note(value: Any, path: Path, seen: dict[tuple[Path, type], _Seen]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _note(inner, (*path, name), seen)
        return
    if isinstance(value, list):
        for inner in value:
            _note(inner, (*path, ITEM), seen)
    if type(value) in _LIMITED:
        size = len(str(abs(value))) if isinstance(value, int) else len(value)
        seen.setdefault((path, type(value)), _Seen()).add(size)


def _limits(kind: type, most: int, place: Place) -> dict[str, int]:
    if kind is str:
        length = FACTOR * most + SPARE
        return {"maxLength": length} if length <= MOST_CHARACTERS else {}
    if kind is list:
        return {"maxItems": FACTOR * most + SPARE}
    if "number" in place.types:
        return {}  # a limit would also rule the exponents out that larger numbers are written with
    largest = 10 ** (most + 2) - 1
    return {"minimum": -largest, "maximum": largest}
