"""Training rows as span ranking needs them: documents taken apart, targets read, values found by path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from insource.contract.asked import restricted
from insource.contract.places import Place, place_of, valid_place
from insource.matching.align import is_empty
from insource.matching.comparators import Comparator
from insource.models.fitted.spans.document import Document
from insource.models.fitted.spans.fields import Field, Path, fields_of, merged
from insource.types import Example, JsonSchema, Task

_MISSING = object()


@dataclass(frozen=True)
class Sample:
    """One training row. ``paths`` are the fields of its own contract, those asked for."""

    example: Example
    document: Document
    target: Any
    place: Place
    paths: frozenset[Path]
    unscored: bool

    def values(self, path: Path) -> tuple[Any, ...] | None:
        """Return the filled values at a path outside of lists of objects; None where it is not judged."""
        return values_at(self.target, path, self.unscored) if path in self.paths else None


def values_at(target: Any, path: Path, unscored: bool) -> tuple[Any, ...] | None:
    """Return the filled values at a path below ``target``; None where a missing field is not judged."""
    found = target
    for step in path:
        found = found.get(step, _MISSING) if isinstance(found, dict) else _MISSING
    if found is _MISSING:
        return None if unscored else ()
    items = found if isinstance(found, list) else [found]
    return tuple(item for item in items if not is_empty(item) and not isinstance(item, dict | list))


def samples_of(task: Task, examples: Iterable[Example]) -> list[Sample]:
    """Return the samples in an order that does not depend on that of the rows.

    Rows whose own contract cannot be read are left out.
    """
    schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    found = []
    for example in sorted(examples, key=lambda one: (one.input, one.target, one.digest)):
        whole = schema if example.contract is None else example.contract
        if valid_place(whole) is None:
            continue
        place = place_of(whole if example.attributes is None else restricted(whole, example.attributes))
        paths = frozenset(one.path for one in fields_of(place))
        unscored = task.absent_fields == "unscored"
        target = json.loads(example.target)
        found.append(Sample(example, Document(example.input), target, place, paths, unscored))
    return found


def all_fields(task: Task, samples: Sequence[Sample]) -> dict[Path, Field]:
    """Return the fields of the task's schema and of every row's own contract, by path."""
    found: dict[Path, Field] = {}
    schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    places = dict.fromkeys([place_of(schema), *(sample.place for sample in samples)])
    for place in places:
        for one in fields_of(place):
            known = found.get(one.path)
            found[one.path] = one if known is None else merged(known, one)
    return found


class Equality:
    """Whether two values of a field are equal under its comparator; each pair is compared once."""

    def __init__(self, comparator: Comparator) -> None:
        self._comparator = comparator
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, gold: Any, value: Any) -> bool:
        key = (repr(gold), repr(value))
        if key not in self._known:
            self._known[key] = self._comparator.equal(gold, value)
        return self._known[key]
