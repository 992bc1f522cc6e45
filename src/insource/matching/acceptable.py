"""Choose among several right values of a field the one that an answer is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from insource.matching.align import Slot
from insource.types import Bucket

RIGHT: frozenset[Bucket] = frozenset({"correct", "correctly_empty"})


def accepted(
    label: Any, acceptable: Mapping[str, Sequence[Any]], align: Callable[[Any], tuple[Slot, ...]]
) -> tuple[Slot, ...]:
    """Return the slots against the label, each field replaced by the acceptable value nearest the answer.

    ``acceptable`` maps the path of a field in the label (``power.voltage``; not inside a list, whose whole
    value may be given) to further right values, null included. ``align`` aligns a label with the answer. The
    nearest value leaves the fewest slots wrong, missed or invented; among equals the label's own, then the
    order given. A field that is already right keeps its label.
    """
    slots = align(label)
    for path, values in acceptable.items():
        fewest = _faults(slots)
        for value in values if fewest else ():
            candidate = replaced(label, path, value)
            found = align(candidate)
            if _faults(found) < fewest:
                label, slots, fewest = candidate, found, _faults(found)
    return slots


def _faults(slots: Sequence[Slot]) -> int:
    return sum(slot.bucket not in RIGHT for slot in slots)


def replaced(label: Any, path: str, value: Any) -> Any:
    """Return the label with another value at a path of keys; what is missing on the way there is made."""
    key, _, rest = path.partition(".")
    held = label if isinstance(label, dict) else {}
    return {**held, key: replaced(held.get(key), rest, value) if rest else value}
