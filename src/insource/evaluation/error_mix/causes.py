"""The cause of one wrong slot, from evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from insource.contract.reasoning import without_reasoning
from insource.evaluation.error_mix.computed import is_computed
from insource.evaluation.gold.doubt import Doubts, spot_of
from insource.evaluation.gold.leaves import ANY, Leaf
from insource.evaluation.scorers import LABEL, TEXT
from insource.matching.acceptable import RIGHT
from insource.matching.assignment import canonical
from insource.matching.grounding import grounding_tier
from insource.matching.likeness import label_meant, same_otherwise_spelled, says_nothing
from insource.types import EvalRecord, Example, Labels, Score, SlotScore, Task
from insource.types.error_mix import Cause, Lever

LEVERS: dict[Cause, Lever] = {
    "no-answer": "ask again",
    "unparseable": "constrained decoding",
    "format-only": "constrained decoding",
    "schema-invalid": "constrained decoding",
    "not-offered": "stay with prompts",
    "needs-computation": "reasoning field or code",
    "label-doubtful": "fix the labels",
    "not-in-input": "retrieval",
    "wrong-choice": "few-shot or tuning",
    "confused": "few-shot or tuning",
    "missed": "few-shot or tuning",
    "invented": "few-shot or tuning",
}
"""What to try against each cause."""

_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object"}


class Answered(NamedTuple):
    """One document with the score of its answer; that of a failed call has every slot missed."""

    example: Example
    record: EvalRecord
    score: Score


class Evidence(NamedTuple):
    """What the causes are read from, beside the slot itself.

    ``never_offered`` are the documents whose label the prompt did not offer.
    """

    task: Task
    leaves: Mapping[str, Leaf]
    doubts: Doubts
    never_offered: frozenset[str] = frozenset()


def is_wrong(slot: SlotScore) -> bool:
    """Return whether a slot earns no credit."""
    return slot.bucket not in RIGHT


def causes_of(answered: Answered, evidence: Evidence) -> tuple[Cause | None, ...]:
    """Return the cause of each slot of a document, None for the right ones, in the order of the slots.

    The first of these for which there is evidence: no answer; an answer that cannot be read; the right value
    in another spelling; a value that the schema does not allow; a label that was not offered; a label value
    that has to be computed; a doubtful label; then what the label and the document say.
    """
    slots = answered.score.slots
    respelled = _respelled(slots)
    return tuple(
        _cause(slot, place in respelled, answered, evidence) if is_wrong(slot) else None
        for place, slot in enumerate(slots)
    )


def _cause(slot: SlotScore, respelled: bool, answered: Answered, evidence: Evidence) -> Cause:
    if answered.record.status == "failed":
        return "no-answer"
    if slot.path in (LABEL, TEXT):
        unread = _unread_label(slot, answered, evidence)
        if unread is not None:
            return unread
    elif not answered.score.repairable:
        return "unparseable"
    leaf = evidence.leaves.get(slot.path, ANY)
    if respelled:
        return "format-only"
    if not _allowed(slot, leaf):
        return "schema-invalid"
    if answered.record.row_id in evidence.never_offered and not leaf.stands_in_input:
        return "not-offered"
    if is_computed(slot.gold, answered.example.input, leaf.comparator):
        return "needs-computation"
    if spot_of(answered.record.row_id, slot.path, slot.gold) in evidence.doubts:
        return "label-doubtful"
    return _mishandled(slot, leaf, answered.example)


def _mishandled(slot: SlotScore, leaf: Leaf, example: Example) -> Cause:
    if slot.gold is None:
        # Without a label value, either something was made up, or nothing could be read.
        return "invented" if slot.predicted is not None else "unparseable"
    if (
        slot.path not in (LABEL, TEXT)
        and leaf.stands_in_input
        and not isinstance(slot.gold, bool | dict | list)
    ):
        if grounding_tier(slot.gold, example.input, leaf.comparator) is None:
            return "not-in-input"
        return "missed" if slot.predicted is None or says_nothing(slot.predicted) else "wrong-choice"
    if slot.predicted is None:
        return "missed"
    return "confused" if slot.path == LABEL or leaf.listed else "wrong-choice"


def _unread_label(slot: SlotScore, answered: Answered, evidence: Evidence) -> Cause | None:
    """Return why a whole answer could not be read, None when it could."""
    if slot.predicted is not None:
        return None
    completion = answered.record.completion
    text = without_reasoning(completion.text).strip() if completion else ""
    if not text:
        return "unparseable" if completion else "no-answer"
    output = evidence.task.output
    if isinstance(output, Labels):
        meant = label_meant(text, output.names)
        return "format-only" if meant == slot.gold else "schema-invalid"
    return "unparseable"


def _respelled(slots: Sequence[SlotScore]) -> frozenset[int]:
    """Return the places of slots that are right but for their spelling, with both halves of list items."""
    found = set()
    spare = {place: slot for place, slot in enumerate(slots) if slot.bucket == "invented"}
    for place, slot in enumerate(slots):
        empty = slot.bucket == "invented" and says_nothing(slot.predicted)
        if empty or (slot.bucket == "wrong" and same_otherwise_spelled(slot.gold, slot.predicted)):
            found.add(place)
        elif slot.bucket == "missed" and slot.gold is not None:
            for other, one in spare.items():
                if one.path == slot.path and same_otherwise_spelled(slot.gold, one.predicted):
                    found |= {place, other}
                    del spare[other]
                    break
    return frozenset(found)


def _allowed(slot: SlotScore, leaf: Leaf) -> bool:
    """Return whether the schema has a place for what was answered."""
    if slot.predicted is None:
        return True
    if slot.path.endswith("*"):
        return False
    if leaf.listed and slot.path != LABEL:
        return canonical(slot.predicted) in {canonical(value) for value in leaf.listed}
    return not leaf.types or _type_of(slot.predicted) & leaf.types != frozenset()


def _type_of(value: Any) -> frozenset[str]:
    name = _TYPES.get(type(value), "")
    return frozenset({"integer", "number"}) if name == "integer" else frozenset({name})


def confused_pairs(documents: Sequence[Answered]) -> Counter[tuple[str, str]]:
    """Count the pairs of label and answer that an arm confuses."""
    return Counter(
        (str(slot.gold), str(slot.predicted))
        for document in documents
        for slot in document.score.slots
        if slot.bucket == "wrong" and slot.path == LABEL
    )
