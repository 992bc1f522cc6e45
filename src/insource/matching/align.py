"""Align a label and an answer: one slot for each leaf, each in exactly one bucket.

Paths read like the schema: ``power.voltage``, ``lines[].qty``, ``protocols[]``, ``size[0]`` for an item with
a schema of its own; ``power.*`` holds whatever an answer puts where the schema declares nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.contract.places import Place, place_of
from insource.matching.comparators import Comparator, ListKind, comparator_for, list_kind
from insource.types import AbsentFields, Bucket

FLOOR = 0.5
"""Two list objects are the same row only if at least this share of the label's filled leaves is equal."""

MAX_ALIGNED = 500
"""Predicted items beyond this many unmatched ones are not searched for partners: they are invented."""


class Slot(NamedTuple):
    """One leaf: what the label and the answer hold there, None for nothing."""

    path: str
    gold: Any
    predicted: Any
    bucket: Bucket
    comparator: Comparator = Comparator()


def is_empty(value: Any) -> bool:
    """Return whether a value holds nothing: null, blank text, or containers of nothing else."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif item is not None and not (isinstance(item, str) and not item.strip()):
            return False
    return True


def align(
    gold: Any, predicted: Any, schema: Mapping[str, Any] | None = None, *, absent: AbsentFields = "null"
) -> tuple[Slot, ...]:
    """Return the slots of an answer against its label. Never raises for any JSON value of the answer.

    With ``absent="null"`` a declared field missing on a side counts as null there, so every declared
    leaf is a slot. With ``absent="unscored"`` only fields present in the label are judged. Keys the
    schema does not declare are one invented slot each, unless they hold nothing; where no schema
    declares anything, the label's keys do so under ``"null"``.

    Of a union, the branch that the label keeps to counts; where the label is empty, the answer's. Where both
    hold nothing of a part that refers to itself, that part is one slot.

    Raises:
        InvalidSchema: the schema is not valid.
        ConfigError: ``unknown-comparator``.
    """
    return tuple(_walk("", gold, predicted, None if schema is None else place_of(schema), absent))


def _walk(path: str, gold: Any, predicted: Any, place: Place | None, absent: AbsentFields) -> Iterator[Slot]:
    types = place.types if place else frozenset()
    listed = isinstance(gold, list) or (gold is None and isinstance(predicted, list))
    if "array" in types or (not types and listed):
        yield from _walk_list(path, gold, predicted, place, absent)
        return
    place = _chosen(place, gold, predicted)
    declares = place is not None and bool(place.properties)
    if not isinstance(gold, dict) and not (declares and is_empty(gold)):
        yield _leaf(path, gold, predicted, _comparator(place))
    elif path and place and place.endless and is_empty(gold) and is_empty(predicted):
        yield _leaf(path, None, None, _comparator(place))
    else:
        yield from _walk_object(path, gold or {}, predicted, place, absent)


def _chosen(place: Place | None, gold: Any, predicted: Any) -> Place | None:
    """Return the place with its branches chosen, as far as there is a value to choose by."""
    if place is None or not place.open:
        return place
    value = predicted if is_empty(gold) else gold
    return place if is_empty(value) else place.of(value)


@lru_cache(maxsize=4096)
def _comparator(place: Place | None) -> Comparator:
    return Comparator() if place is None else comparator_for(place.keywords)


def _walk_object(
    path: str, gold: Any, predicted: Any, place: Place | None, absent: AbsentFields
) -> Iterator[Slot]:
    properties = place.properties if place else {}
    labelled = gold if isinstance(gold, dict) else {}
    answered = predicted if isinstance(predicted, dict) else {}
    declared = dict.fromkeys([*properties, *labelled])
    prefix = f"{path}." if path else ""
    for key in declared:
        if absent == "null" or key in labelled:
            inner = place.property(key) if place else None
            yield from _walk(prefix + key, labelled.get(key), answered.get(key), inner, absent)
    if properties or absent == "null":
        for key, value in answered.items():
            if key not in declared and not is_empty(value):
                yield Slot(f"{prefix}*", None, {key: value}, "invented")
    if not isinstance(predicted, dict) and not is_empty(predicted):
        yield Slot(f"{prefix}*", None, predicted, "invented")


def _walk_list(
    path: str, gold: Any, predicted: Any, place: Place | None, absent: AbsentFields
) -> Iterator[Slot]:
    # A field that may be a scalar keeps its plain name, whichever form a document uses.
    scalar_too = bool(place and place.types - {"array", "null", "object"})
    here = path if scalar_too else f"{path}[]"
    place = _chosen(place, gold, predicted)
    if place and place.heads and (isinstance(gold, list) or is_empty(gold)):
        if place.endless and is_empty(gold) and is_empty(predicted):
            yield _leaf(here, None, None, _comparator(place))
            return
        yield from _walk_heads(path, gold, predicted, place, absent)
        gold, predicted = _after(gold, place.heads), _after(predicted, place.heads)
        if not gold and not predicted:
            return
    items = place.items if place else None
    if items is None and place and "array" not in place.types:
        items = place  # one value in place of a list: the branch that it keeps to
    left, right = _as_items(gold), _as_items(predicted)
    comparator = _comparator(place if scalar_too and items is None else _common(items, left or right))
    if not left and not right:
        yield Slot(here, None, None, "correctly_empty", comparator)
    elif any(isinstance(item, dict) for item in left) or (not left and _declares(items)):
        yield from _walk_rows(here, left, right, items, absent)
    elif scalar_too and len(left) == len(right) == 1:
        yield _leaf(here, left[0], right[0], comparator)
    else:
        kind = list_kind(place.keywords if place else None)
        for one, other in _pair_scalars(left, right, comparator, kind):
            yield _leaf(here, one, other, comparator)


def _walk_heads(path: str, gold: Any, predicted: Any, place: Place, absent: AbsentFields) -> Iterator[Slot]:
    """Compare the items that have a schema of their own by their position."""
    left, right = (value if isinstance(value, list) else [] for value in (gold, predicted))
    for index in range(place.heads):
        one, other = (items[index] if index < len(items) else None for items in (left, right))
        yield from _walk(f"{path}[{index}]", one, other, place.item(index), absent)
    if not isinstance(predicted, list) and not is_empty(predicted):
        yield Slot(f"{path}[]", None, predicted, "invented")


def _after(value: Any, heads: int) -> Any:
    return value[heads:] if isinstance(value, list) else None


def _declares(items: Place | None) -> bool:
    return items is not None and (bool(items.properties) or (items.open and "object" in items.types))


def _common(items: Place | None, values: Sequence[Any]) -> Place | None:
    """Return the items' place with its branch chosen, if all values keep to the same one."""
    if items is None or not items.open:
        return items
    chosen = {id(place): place for place in map(items.of, values)}
    return next(iter(chosen.values())) if len(chosen) == 1 else items


def _walk_rows(
    path: str, left: list[Any], right: list[Any], items: Place | None, absent: AbsentFields
) -> Iterator[Slot]:
    """Paired rows leaf by leaf; of a row without partner only what it holds, missed or invented."""
    partner = _pair_rows(left, right, items)
    taken = set(partner.values())
    for i, row in enumerate(left):
        if i in partner:
            yield from _walk(path, row, right[partner[i]], items, absent)
        else:
            yield from _filled(_walk(path, row, None, items, "null"))
    for j, row in enumerate(right):
        if j not in taken:
            yield from _filled(_walk(path, None, row, items, "null"))


def _filled(slots: Iterator[Slot]) -> Iterator[Slot]:
    return (slot for slot in slots if slot.bucket != "correctly_empty")


def _pair_rows(left: list[Any], right: list[Any], items: Place | None) -> dict[int, int]:
    """Label row to answer row: the most equal leaves in total, ties by order, no pair below the floor."""
    width = min(len(right), MAX_ALIGNED)
    equal = np.zeros((len(left), width))
    for i, row in enumerate(left):
        for j in range(width):
            slots = list(_walk("", row, right[j], items, "unscored"))
            correct = sum(slot.bucket == "correct" for slot in slots)
            filled = sum(slot.gold is not None for slot in slots)
            equal[i, j] = correct if correct >= FLOOR * filled else 0
    return _assign(equal)


def _pair_scalars(
    left: Sequence[Any], right: Sequence[Any], comparator: Comparator, kind: ListKind
) -> Iterator[tuple[Any, Any]]:
    if kind == "sequence":
        for i in range(max(len(left), len(right))):
            yield left[i] if i < len(left) else None, right[i] if i < len(right) else None
        return
    if kind == "set":
        left, right = _distinct(left, comparator), _distinct(right, comparator)
    equal = np.array([[comparator.equal(a, b) for b in right[:MAX_ALIGNED]] for a in left], dtype=float)
    partner = _assign(equal.reshape(len(left), min(len(right), MAX_ALIGNED)))
    taken = set(partner.values())
    yield from ((item, right[partner[i]] if i in partner else None) for i, item in enumerate(left))
    yield from ((None, item) for j, item in enumerate(right) if j not in taken)


def _assign(gain: NDArray[np.float64]) -> dict[int, int]:
    """Return the one-to-one assignment of rows to columns with the largest gain; zero gains are left out."""
    if not gain.any():
        return {}
    from scipy.optimize import linear_sum_assignment

    # Equal gains go to the nearest position; all tie-breaks together stay below one unit of gain.
    distance = np.abs(np.subtract.outer(np.arange(gain.shape[0]), np.arange(gain.shape[1])))
    tie_break = distance / (1.0 + distance.max()) / (1.0 + min(gain.shape))
    rows, columns = linear_sum_assignment(np.where(gain > 0, gain - tie_break, 0.0), maximize=True)
    return {int(i): int(j) for i, j in zip(rows, columns, strict=True) if gain[i, j] > 0}


def _distinct(values: Sequence[Any], comparator: Comparator) -> list[Any]:
    kept: list[Any] = []
    for value in values[:MAX_ALIGNED]:
        if not any(comparator.equal(other, value) for other in kept):
            kept.append(value)
    return [*kept, *values[MAX_ALIGNED:]]


def _leaf(path: str, gold: Any, predicted: Any, comparator: Comparator) -> Slot:
    gold, predicted = None if is_empty(gold) else gold, None if is_empty(predicted) else predicted
    bucket: Bucket
    if gold is None:
        bucket = "correctly_empty" if predicted is None else "invented"
    elif predicted is None:
        bucket = "missed"
    else:
        bucket = "correct" if comparator.equal(gold, predicted) else "wrong"
    return Slot(path, gold, predicted, bucket, comparator)


def _as_items(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if not is_empty(item)]
