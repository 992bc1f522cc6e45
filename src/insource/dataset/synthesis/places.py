"""Find the values of a label that occur in the document and can be changed in both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from insource.matching.grounding import occurrences
from insource.types import Example

Path = tuple[str, ...]


class Place(NamedTuple):
    """A value of the label that stands once in the document, from ``start`` to ``end``."""

    path: Path
    value: str | int | float
    start: int
    end: int


def places(example: Example) -> tuple[Place, ...]:
    """Return the editable values of an example, in the order of the document.

    A value is editable when it stands in the document exactly once and shares no character with another
    value: then changing it there and in the label is the whole truth. Values that are repeated, spelled
    in another way, or derived are left alone, and so are booleans, lists and what is in them.
    """
    target = as_label(example)
    if target is None:
        return ()
    found = []
    for path, value in leaves(target):
        starts = list(occurrences(str(value), example.input))
        if len(starts) == 1:
            found.append(Place(path, value, starts[0], starts[0] + len(str(value))))
    found.sort(key=lambda place: (place.start, place.path))
    return tuple(
        place
        for place in found
        if not any(o is not place and o.start < place.end and place.start < o.end for o in found)
    )


def as_label(example: Example) -> dict[str, Any] | None:
    """Return the label as an object, or None when it is plain text."""
    if not example.target.startswith("{"):
        return None
    value = json.loads(example.target)
    return value if isinstance(value, dict) else None


def leaves(value: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, str | int | float]]:
    """Yield texts and numbers of an object and the objects in it, with their paths."""
    for name, child in value.items():
        if isinstance(child, dict):
            yield from leaves(child, (*path, name))
        elif isinstance(child, str | int | float) and not isinstance(child, bool) and str(child).strip():
            yield (*path, name), child


def replaced(label: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Return a copy of the label with another value at ``path``."""
    head, *rest = path
    return {**label, head: replaced(label[head], tuple(rest), value) if rest else value}
