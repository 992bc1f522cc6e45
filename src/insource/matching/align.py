"""Align a label and an answer: one slot for each leaf, each in exactly one bucket.

Paths read like the schema: ``power.voltage``, ``lines[].qty``, ``protocols[]``, ``size[0]`` for an item with
a schema of its own; ``power.*`` holds whatever an answer puts where the schema declares nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple

from insource.contract.places import Place, place_of
from insource.matching.assignment import Pairing, canonical, pair
from insource.matching.comparators import Comparator, ListKind, comparator_for, list_kind
from insource.matching.numbers import DecimalMark
from insource.types import AbsentFields, Bucket

FLOOR = 0.5
"""Two list objects are the same row only if at least this share of the label's filled leaves is equal."""

LEAF_PAIRS, SCALAR_PAIRS = 40_000, 250_000
"""How much is compared to find partners for the items of a list, of those without an equal one; 0.2 to 0.4 s.

Pairs of objects count as many times as an object holds leaves. Lists inside list items share the effort.
"""


class Slot(NamedTuple):
    """One leaf: what the label and the answer hold there, None for nothing.

    ``searched`` is false for a leaf of a list item without a partner, when the list was too long to look for
    one among all pairs.
    """

    path: str
    gold: Any
    predicted: Any
    bucket: Bucket
    comparator: Comparator = Comparator()
    searched: bool = True


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


class _Rules(NamedTuple):
    """``among`` is the number of times that a list at this place is compared, in other items and pairs."""

    absent: AbsentFields
    decimals: Mapping[str, DecimalMark]
    among: int = 1


def align(
    gold: Any,
    predicted: Any,
    schema: Mapping[str, Any] | None = None,
    *,
    absent: AbsentFields = "null",
    decimals: Mapping[str, DecimalMark] = MappingProxyType({}),
) -> tuple[Slot, ...]:
    """Return the slots of an answer against its label. Never raises for any JSON value of the answer.

    With ``absent="null"`` a declared field missing on a side counts as null there, so every declared
    leaf is a slot. With ``absent="unscored"`` only fields present in the label are judged. Keys the
    schema does not declare are one invented slot each, unless they hold nothing; where no schema
    declares anything, the label's keys do so under ``"null"``.

    ``decimals`` are the decimal marks of fields that declare none, by path.

    Of a union, the branch that the label keeps to counts; where the label is empty, the answer's. Where both
    hold nothing of a part that refers to itself, that part is one slot.

    Raises:
        InvalidSchema: the schema is not valid.
        ConfigError: ``unknown-comparator``.
    """
    return tuple(
        _walk("", gold, predicted, None if schema is None else place_of(schema), _Rules(absent, decimals))
    )


def _walk(path: str, gold: Any, predicted: Any, place: Place | None, rules: _Rules) -> Iterator[Slot]:
    types = place.types if place else frozenset()
    listed = isinstance(gold, list) or (gold is None and isinstance(predicted, list))
    if "array" in types or (not types and listed):
        yield from _walk_list(path, gold, predicted, place, rules)
        return
    place = _chosen(place, gold, predicted)
    declares = place is not None and bool(place.properties)
    if not isinstance(gold, dict) and not (declares and is_empty(gold)):
        yield _leaf(path, gold, predicted, _comparator(place, rules.decimals.get(path)))
    elif path and place and place.endless and is_empty(gold) and is_empty(predicted):
        yield _leaf(path, None, None, _comparator(place, rules.decimals.get(path)))
    else:
        yield from _walk_object(path, gold or {}, predicted, place, rules)


def _chosen(place: Place | None, gold: Any, predicted: Any) -> Place | None:
    """Return the place with its branches chosen, as far as there is a value to choose by."""
    if place is None or not place.open:
        return place
    value = predicted if is_empty(gold) else gold
    return place if is_empty(value) else place.of(value)


@lru_cache(maxsize=4096)
def _comparator(place: Place | None, decimal: DecimalMark | None) -> Comparator:
    found = Comparator() if place is None else comparator_for(place.keywords)
    return found if decimal is None or found.decimal else replace(found, decimal=decimal)


def _walk_object(path: str, gold: Any, predicted: Any, place: Place | None, rules: _Rules) -> Iterator[Slot]:
    properties = place.properties if place else {}
    labelled = gold if isinstance(gold, dict) else {}
    answered = predicted if isinstance(predicted, dict) else {}
    declared = dict.fromkeys([*properties, *labelled])
    prefix = f"{path}." if path else ""
    for key in declared:
        if rules.absent == "null" or key in labelled:
            inner = properties.get(key) or (place.property(key) if place else None)
            yield from _walk(prefix + key, labelled.get(key), answered.get(key), inner, rules)
    if properties or rules.absent == "null":
        for key, value in answered.items():
            if key not in declared and not is_empty(value):
                yield Slot(f"{prefix}*", None, {key: value}, "invented")
    if not isinstance(predicted, dict) and not is_empty(predicted):
        yield Slot(f"{prefix}*", None, predicted, "invented")


def _walk_list(path: str, gold: Any, predicted: Any, place: Place | None, rules: _Rules) -> Iterator[Slot]:
    # A field that may be a scalar keeps its plain name, whichever form a document uses.
    scalar_too = bool(place and place.types - {"array", "null", "object"})
    here = path if scalar_too else f"{path}[]"
    place = _chosen(place, gold, predicted)
    if place and place.heads and (isinstance(gold, list) or is_empty(gold)):
        if place.endless and is_empty(gold) and is_empty(predicted):
            yield _leaf(here, None, None, _comparator(place, rules.decimals.get(here)))
            return
        yield from _walk_heads(path, gold, predicted, place, rules)
        gold, predicted = _after(gold, place.heads), _after(predicted, place.heads)
        if not gold and not predicted:
            return
    items = place.items if place else None
    if items is None and place and "array" not in place.types:
        items = place  # one value in place of a list: the branch that it keeps to
    left, right = _as_items(gold), _as_items(predicted)
    field = place if scalar_too and items is None else _common(items, left or right)
    comparator = _comparator(field, rules.decimals.get(here))
    if not left and not right:
        yield Slot(here, None, None, "correctly_empty", comparator)
    elif any(isinstance(item, dict) for item in left) or (not left and _declares(items)):
        yield from _walk_rows(here, left, right, items, rules)
    elif scalar_too and len(left) == len(right) == 1:
        yield _leaf(here, left[0], right[0], comparator)
    else:
        kind = list_kind(place.keywords if place else None)
        yield from _scalar_slots(here, left, right, comparator, kind, SCALAR_PAIRS // rules.among)


def _walk_heads(path: str, gold: Any, predicted: Any, place: Place, rules: _Rules) -> Iterator[Slot]:
    """Compare the items that have a schema of their own by their position."""
    left, right = (value if isinstance(value, list) else [] for value in (gold, predicted))
    for index in range(place.heads):
        one, other = (items[index] if index < len(items) else None for items in (left, right))
        yield from _walk(f"{path}[{index}]", one, other, place.item(index), rules)
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
    path: str, left: list[Any], right: list[Any], items: Place | None, rules: _Rules
) -> Iterator[Slot]:
    """Paired rows leaf by leaf; of a row without partner only what it holds, missed or invented."""
    partner, complete = _pair_rows(path, left, right, items, rules)
    rules = rules._replace(among=rules.among * max(1, len(partner)))
    alone = rules._replace(absent="null")
    taken = set(partner.values())
    for i, row in enumerate(left):
        if i in partner:
            yield from _walk(path, row, right[partner[i]], items, rules)
        else:
            yield from _alone(_walk(path, row, None, items, alone), complete)
    for j, row in enumerate(right):
        if j not in taken:
            yield from _alone(_walk(path, None, row, items, alone), complete)


def _alone(slots: Iterator[Slot], complete: bool) -> Iterator[Slot]:
    """Return the filled slots of an item without a partner."""
    return (slot._replace(searched=complete) for slot in slots if slot.bucket != "correctly_empty")


def _pair_rows(path: str, left: list[Any], right: list[Any], items: Place | None, rules: _Rules) -> Pairing:
    """Pair rows by the leaves they have in common, from the floor on."""
    size = sum(map(_leaves, (left, right))) // max(1, len(left) + len(right))
    most = max(1, LEAF_PAIRS // (max(1, size) * rules.among))
    pairs = min(most, max(1, len(left) * len(right)))
    judged = rules._replace(absent="unscored", among=rules.among * pairs)
    cut = False

    def gain(i: int, j: int) -> float:
        nonlocal cut
        slots = list(_walk(path, left[i], right[j], items, judged))
        cut = cut or not all(slot.searched for slot in slots)
        correct = sum(slot.bucket == "correct" for slot in slots)
        filled = sum(slot.gold is not None for slot in slots)
        return correct if correct >= FLOOR * filled else 0

    found = pair(left, right, gain, most)
    return found._replace(complete=found.complete and not cut)


def _scalar_slots(
    path: str, left: Sequence[Any], right: Sequence[Any], comparator: Comparator, kind: ListKind, most: int
) -> Iterator[Slot]:
    if kind == "sequence":
        for one, other in zip_longest(left, right):
            yield _leaf(path, one, other, comparator)
        return
    if kind == "set":
        left, right = (list({canonical(item): item for item in side}.values()) for side in (left, right))
    partner, complete = pair(left, right, lambda i, j: comparator.equal(left[i], right[j]), most)
    repeats = [
        _repeats(side, paired, comparator, most) if kind == "set" else set()
        for side, paired in ((left, set(partner)), (right, set(partner.values())))
    ]
    for i, item in enumerate(left):
        if i in partner:
            yield _leaf(path, item, right[partner[i]], comparator)
        elif i not in repeats[0]:
            yield _leaf(path, item, None, comparator)._replace(searched=complete)
    for j in sorted(set(range(len(right))) - set(partner.values()) - repeats[1]):
        yield _leaf(path, None, right[j], comparator)._replace(searched=complete)


def _repeats(items: Sequence[Any], paired: Collection[int], comparator: Comparator, most: int) -> set[int]:
    """Return the places of items without a partner that say again what a paired or an earlier item says.

    Pairs come first, so that the order of a set decides nothing where equality is not transitive.
    """
    kept, repeated = list(paired), set()
    alone = [place for place in range(len(items)) if place not in paired]
    if len(alone) * len(items) > most:
        return set()
    for place in alone:
        if any(
            comparator.equal(items[other], items[place]) or comparator.equal(items[place], items[other])
            for other in kept
        ):
            repeated.add(place)
        else:
            kept.append(place)
    return repeated


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


def _leaves(value: Any) -> int:
    """Count the values that are neither objects nor lists."""
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        else:
            count += 1
    return count


def _as_items(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if not is_empty(item)]
