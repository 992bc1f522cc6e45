"""Counterfactual documents: one value of a training document is replaced, so that the label is known.

A model that reads gives the new value in that field and leaves the others as they were. One that remembers
the document gives the value it was trained on.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from insource.evaluation.estimators import mean, rate, sampling_units
from insource.foundation import canonical
from insource.foundation.rng import generator
from insource.matching.grounding import occurrences
from insource.types import EvalRecord, Example, SlotScore
from insource.types.retention import Counterfactuals


class Edit(NamedTuple):
    """A document with one value replaced; ``original`` is the row it was made from."""

    example: Example
    original: str
    path: str
    old: Any


def edits(
    examples: Sequence[Example], records: Sequence[EvalRecord], donors: Iterable[EvalRecord], seed: int
) -> tuple[Edit, ...]:
    """Return one edit for each example that has a replaceable value.

    Replaceable is a value of a field outside lists that the model answered right, and that the document
    states once and the label once. It is replaced by the label of the same field in a record of ``donors``,
    which the document does not state: so the new value is one that the field can have.
    """
    by_row = {record.row_id: record for record in records}
    pool = _pool(donors)
    rng = generator(seed, "retention.counterfactual")
    found = []
    for example in examples:
        record = by_row.get(example.row_id)
        choices = [
            (slot, at, new)
            for slot in _replaceable(example, record)
            for at in occurrences(str(slot.gold), example.input)
            for new in _new_values(example, slot, pool)
        ]
        if choices:
            slot, at, new = choices[int(rng.integers(len(choices)))]
            found.append(_edited(example, slot, at, new))
    return tuple(found)


def judge(made: Sequence[Edit], before: Sequence[EvalRecord], after: Sequence[EvalRecord]) -> Counterfactuals:
    """Return what the answers to the edited documents show; ``before`` are those to the originals."""
    old, new = ({record.row_id: record for record in records} for records in (before, after))
    follows, kept, others, groups = [], [], [], []
    for edit in made:
        answered = new.get(edit.example.row_id)
        if answered is None or answered.score is None or (original := old[edit.original].score) is None:
            continue
        changed = next((slot for slot in answered.score.slots if slot.path == edit.path), None)
        follows.append(float(changed is not None and changed.bucket == "correct"))
        kept.append(float(changed is not None and str(changed.predicted) == str(edit.old)))
        others.append(_share_unchanged(original.slots, answered.score.slots, edit.path))
        groups.append(edit.example.group)
    if not follows:
        return Counterfactuals(note="no document has a value that it states once and a field once")
    units = sampling_units(groups)
    shares = [share for share in others if share is not None]
    told = units.select([share is not None for share in others])
    return Counterfactuals(
        documents=len(follows),
        follows=rate(follows, units),
        kept_old=rate(kept, units),
        others_stay=mean(shares, told),
    )


def _replaceable(example: Example, record: EvalRecord | None) -> list[SlotScore]:
    if record is None or record.score is None:
        return []
    label = json.loads(example.target)
    stated = [str(slot.gold) for slot in record.score.slots]
    return [
        slot
        for slot in record.score.slots
        if slot.bucket == "correct"
        and _is_value(slot.gold)
        and stated.count(str(slot.gold)) == 1
        and _at(label, slot.path) == slot.gold
        and len(list(occurrences(str(slot.gold), example.input))) == 1
    ]


def _is_value(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip() != ""


def _pool(donors: Iterable[EvalRecord]) -> Mapping[str, list[Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for record in donors:
        for slot in record.score.slots if record.score else ():
            if _is_value(slot.gold):
                found[slot.path].setdefault(str(slot.gold), slot.gold)
    return {path: list(values.values()) for path, values in found.items()}


def _new_values(example: Example, slot: SlotScore, pool: Mapping[str, list[Any]]) -> list[Any]:
    values = pool.get(slot.path, [])
    return [
        value
        for value in values
        if type(value) is type(slot.gold) and str(value) not in example.input and value != slot.gold
    ]


def _edited(example: Example, slot: SlotScore, at: int, new: Any) -> Edit:
    text = example.input[:at] + str(new) + example.input[at + len(str(slot.gold)) :]
    label = json.loads(example.target)
    *parents, last = slot.path.split(".")
    place = label
    for key in parents:
        place = place[key]
    place[last] = new
    changed = example.model_copy(
        update={
            "row_id": f"{example.row_id}, {slot.path} changed",
            "digest": canonical.digest([example.digest, text]),
            "input": text,
            "target": json.dumps(label, ensure_ascii=False, separators=(",", ":")),
            "acceptable": {},
            "cloud_outputs": {},
        }
    )
    return Edit(changed, example.row_id, slot.path, slot.gold)


def _at(label: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(label, dict) or key not in label:
            return None
        label = label[key]
    return label


def _share_unchanged(before: Sequence[SlotScore], after: Sequence[SlotScore], path: str) -> float | None:
    """Return the share of the other fields whose values are the same; None where there is no other field."""
    sides = [_values(slots, path) for slots in (before, after)]
    paths = sides[0].keys() | sides[1].keys()
    if not paths:
        return None
    return sum(sides[0].get(one) == sides[1].get(one) for one in paths) / len(paths)


def _values(slots: Sequence[SlotScore], without: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for slot in slots:
        if slot.path != without:
            found[slot.path].append(canonical.dumps(slot.predicted))
    return {path: sorted(values) for path, values in found.items()}
