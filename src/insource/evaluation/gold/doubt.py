"""Labels that may be wrong: evidence against the label that owes nothing to the arm under judgement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from insource.evaluation.gold.leaves import ANY, leaves_of
from insource.matching.assignment import canonical
from insource.matching.grounding import grounding_tier
from insource.similarity.normal_text import normalised
from insource.types import EvalRecord, Example, Task

Reason = Literal["not in the document", "the same document has another label", "several clouds disagree"]

GROUNDED, ENOUGH = 0.9, 20
"""A field whose labels stand in their documents at least this often, among this many, is one where they
should: the exception is then doubtful."""

CLOUDS = 2
"""So many clouds have to give the same other answer, and more than half of all."""

_LONGEST = 200


class Spot(NamedTuple):
    """One value of one document's label."""

    row_id: str
    path: str
    gold: str


Doubts = dict[Spot, Reason]


def doubtful_labels(
    task: Task,
    examples: Mapping[str, Example],
    judged: Sequence[EvalRecord],
    clouds: Iterable[Sequence[EvalRecord]] = (),
) -> Doubts:
    """Return the values of labels that evidence speaks against, with the first reason.

    ``judged`` are the records of any arm, from which the labels are read; its answers are not. ``clouds``
    are the records of clouds other than the one under judgement. A doubtful label may be right.
    """
    labels = [(record, example) for record in judged if (example := examples.get(record.row_id))]
    found: Doubts = {}
    for doubts in (_contradicted(labels), _not_in_document(task, labels), _outvoted(list(clouds))):
        for spot, reason in doubts:
            found.setdefault(spot, reason)
    return found


def spot_of(row_id: str, path: str, gold: Any) -> Spot:
    """Return the key of a slot's label."""
    return Spot(row_id, path, canonical(gold))


def _contradicted(labels: Sequence[tuple[EvalRecord, Example]]) -> Iterator[tuple[Spot, Reason]]:
    """Yield the labels of documents that occur again with another label."""
    same: dict[tuple[str, Any], list[dict[str, Any]]] = defaultdict(list)
    for record, example in labels:
        values = {slot.path: slot.gold for slot in record.score.slots} if record.score else {}
        same[normalised(example.input), example.attributes].append({"row_id": record.row_id, **values})
    for ones in same.values():
        for path in {path for one in ones for path in one} - {"row_id"} if len(ones) > 1 else ():
            different = {canonical(one[path]) for one in ones if path in one}
            if len(different) > 1 and "[" not in path:
                for one in ones:
                    if path in one:
                        spot = spot_of(one["row_id"], path, one[path])
                        yield spot, "the same document has another label"


def _not_in_document(
    task: Task, labels: Sequence[tuple[EvalRecord, Example]]
) -> Iterator[tuple[Spot, Reason]]:
    """Yield the labels that do not stand in their document, in fields whose labels nearly always do."""
    leaves = leaves_of(task.output)
    counts: Counter[str] = Counter()
    absent: dict[str, list[Spot]] = defaultdict(list)
    for record, example in labels:
        for slot in record.score.slots if record.score else ():
            leaf = leaves.get(slot.path, ANY)
            if not leaf.stands_in_input or not _judgeable(slot.gold):
                continue
            counts[slot.path] += 1
            if grounding_tier(slot.gold, example.input, leaf.comparator) is None:
                absent[slot.path].append(spot_of(record.row_id, slot.path, slot.gold))
    for path, spots in absent.items():
        if counts[path] >= ENOUGH and len(spots) <= (1 - GROUNDED) * counts[path]:
            yield from ((spot, "not in the document") for spot in spots)


def _judgeable(gold: Any) -> bool:
    if isinstance(gold, bool) or not isinstance(gold, str | int | float):
        return False
    return len(str(gold)) <= _LONGEST


def _outvoted(clouds: Sequence[Sequence[EvalRecord]]) -> Iterator[tuple[Spot, Reason]]:
    """Yield the labels against which several clouds give one and the same answer."""
    votes: dict[Spot, Counter[str]] = defaultdict(Counter)
    for records in clouds:
        for record in records:
            for slot in record.score.slots if record.score else ():
                if slot.bucket == "wrong" and "[" not in slot.path:
                    votes[spot_of(record.row_id, slot.path, slot.gold)][canonical(slot.predicted)] += 1
    for spot, answers in votes.items():
        alike = answers.most_common(1)[0][1]
        if alike >= CLOUDS and alike > len(clouds) / 2:
            yield spot, "several clouds disagree"
