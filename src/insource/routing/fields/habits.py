"""How the values of each field are usually written, learned from the training labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from insource.matching.align import align
from insource.matching.surface import SurfaceForms, free_length, shape
from insource.types import Frozen, JsonSchema, OutputSpec

WHOLE = ""
"""The path of an answer that has no fields: a label or a text."""


class FieldValue(NamedTuple):
    """The values that an answer gives for one field: none where it says null, several for a list."""

    path: str
    values: tuple[Any, ...]


def values_of(answer: Any, output: OutputSpec) -> list[FieldValue]:
    """Return the fields of an answer with their values, in the order of the contract.

    A field is a leaf of the contract. The items of a list are one field together: ``lines[].qty``.

    Raises:
        InvalidSchema, ConfigError: as ``align``.
    """
    if not isinstance(output, JsonSchema):
        return [FieldValue(WHOLE, (answer,))]
    found: dict[str, list[Any]] = {}
    for slot in align(answer, None, output.definition):
        found.setdefault(slot.path, []).append(slot.gold)
    return [FieldValue(path, tuple(v for v in values if v is not None)) for path, values in found.items()]


class Habits(Frozen):
    """The shapes of the fields that keep to a few (``SurfaceForms``), and the range of those with numbers."""

    shapes: dict[str, tuple[str, ...]] = {}
    ranges: dict[str, tuple[float, float]] = {}

    def usual_shape(self, path: str, value: Any) -> bool:
        """Return whether a value is written as the labels of its field are; free text may look like any."""
        allowed = self.shapes.get(path)
        if allowed is None:
            return True
        pattern = shape(value)
        return pattern in allowed or free_length(pattern) in allowed

    def in_range(self, path: str, value: Any) -> bool:
        """Return whether a number lies within those of the labels; other values have no range."""
        if path not in self.ranges or isinstance(value, bool) or not isinstance(value, int | float):
            return True
        low, high = self.ranges[path]
        return low <= value <= high


def habits_of(targets: Iterable[str], output: OutputSpec) -> Habits:
    """Return the habits of the training labels, which are canonical answers."""
    if not isinstance(output, JsonSchema):
        return Habits()
    answers = [json.loads(target) for target in targets]
    forms = SurfaceForms.fit(answers, output.definition)
    numbers: dict[str, list[float]] = {}
    for answer in answers:
        for field in values_of(answer, output):
            held = [v for v in field.values if isinstance(v, int | float) and not isinstance(v, bool)]
            if held:
                numbers.setdefault(field.path, []).extend(held)
    return Habits(
        shapes={path: tuple(sorted(shapes)) for path, shapes in forms.shapes.items()},
        ranges={path: (float(min(held)), float(max(held))) for path, held in numbers.items()},
    )
