"""Count the causes of an arm's errors, and estimate what each lever could gain at most."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

from insource.evaluation.error_mix.causes import (
    LEVERS,
    Answered,
    Evidence,
    causes_of,
    confused_pairs,
    is_wrong,
)
from insource.evaluation.gold.doubt import doubtful_labels
from insource.evaluation.gold.leaves import leaves_of
from insource.evaluation.metrics import document_value, estimate
from insource.evaluation.scorers import empty_score, forfeited
from insource.matching.acceptable import RIGHT
from insource.types import Arm, Estimate, EvalRecord, Example, Score, SlotScore, Task
from insource.types.error_mix import Cause, CauseShare, ErrorMix, Lever, LeverGain

SHOWN = 5
_WORDS: dict[Cause, str] = {
    "no-answer": "have no answer",
    "unparseable": "are in answers that cannot be read",
    "format-only": "are right but for their spelling or format",
    "schema-invalid": "hold what the schema does not allow",
    "not-offered": "have a label that the prompt did not offer",
    "needs-computation": "need a computation",
    "label-doubtful": "have a doubtful label",
    "not-in-input": "need a value that is not in the document",
    "wrong-choice": "hold another value of the document",
    "confused": "confuse one label with another",
    "missed": "are left empty, though the document has the value",
    "invented": "hold a value where there is none",
}

Causes = dict[str, tuple[Cause | None, ...]]


def error_mix(
    task: Task,
    examples: Mapping[str, Example],
    arm: Arm,
    records: Sequence[EvalRecord],
    *,
    clouds: Iterable[Sequence[EvalRecord]] = (),
    never_offered: frozenset[str] = frozenset(),
) -> ErrorMix:
    """Return why this arm is wrong, where it is.

    Every slot without credit has exactly one cause (``causes_of``). ``clouds`` are the records of clouds
    other than this arm: where several agree against a label, the label is doubtful. ``never_offered`` are the
    row ids of documents whose label the arm's prompt did not offer.

    What each cause could gain is the primary metric if all its slots were right, on the same documents, with
    its interval. It is an upper end: no lever mends a cause altogether.
    """
    documents = _documents(task, examples, records)
    evidence = Evidence(
        task, leaves_of(task.output), doubtful_labels(task, examples, records, clouds), never_offered
    )
    causes = {one.record.row_id: causes_of(one, evidence) for one in documents}
    slots = [slot for one in documents for slot in one.score.slots]
    metric = task.primary_metric if task.primary_metric in ("accuracy", "exact_match") else "field_accuracy"
    shares = _shares(documents, causes, metric)
    found = ErrorMix(
        arm=arm.name,
        metric=metric,
        documents=len(documents),
        slots=len(slots),
        wrong_slots=sum(map(is_wrong, slots)),
        measured=_without(documents, causes, metric, frozenset()),
        causes=shares,
        levers=_levers(documents, causes, metric),
        dominant=shares[0].cause if shares else None,
        lever=shares[0].lever if shares else "stay with prompts",
    )
    return found.model_copy(update={"sentence": _sentence(found)})


def _documents(task: Task, examples: Mapping[str, Example], records: Sequence[EvalRecord]) -> list[Answered]:
    """Return the evaluated documents; a failed call misses the slots of the document's label."""
    found = []
    for record in records:
        example = examples.get(record.row_id)
        if record.status == "unscored" or example is None:
            continue
        usable = record.status == "scored" and record.score is not None
        score = record.score if usable and record.score else forfeited(empty_score(task, example))
        found.append(Answered(example, record, score))
    return found


def _shares(documents: Sequence[Answered], causes: Causes, metric: str) -> tuple[CauseShare, ...]:
    slots: Counter[Cause] = Counter()
    rows: dict[Cause, set[str]] = defaultdict(set)
    evidence: dict[Cause, list[str]] = defaultdict(list)
    for one in documents:
        for slot, cause in zip(one.score.slots, causes[one.record.row_id], strict=True):
            if cause is None:
                continue
            slots[cause] += 1
            rows[cause].add(one.record.row_id)
            if len(evidence[cause]) < SHOWN:
                evidence[cause].append(_shown(one.record.row_id, slot))
    pairs = confused_pairs(documents).most_common(SHOWN)
    if pairs:
        evidence["confused"] = [
            f"“{gold}” taken for “{said}”: {times:,} times" for (gold, said), times in pairs
        ]
    return tuple(
        CauseShare(
            cause=cause,
            lever=LEVERS[cause],
            slots=count,
            documents=len(rows[cause]),
            without=_without(documents, causes, metric, {cause}),
            evidence=tuple(evidence[cause]),
        )
        for cause, count in slots.most_common()
    )


def _levers(documents: Sequence[Answered], causes: Causes, metric: str) -> tuple[LeverGain, ...]:
    slots: Counter[Lever] = Counter()
    rows: dict[Lever, set[str]] = defaultdict(set)
    pulled_by: dict[Lever, set[Cause]] = defaultdict(set)
    for row_id, found in causes.items():
        for cause in found:
            if cause is not None:
                slots[LEVERS[cause]] += 1
                rows[LEVERS[cause]].add(row_id)
                pulled_by[LEVERS[cause]].add(cause)
    return tuple(
        LeverGain(
            lever=lever,
            slots=count,
            documents=len(rows[lever]),
            without=_without(documents, causes, metric, pulled_by[lever]),
        )
        for lever, count in slots.most_common()
    )


def _without(documents: Sequence[Answered], causes: Causes, metric: str, gone: Set[Cause]) -> Estimate:
    """Estimate the metric with every slot of the causes that are gone right."""
    values, groups = [], []
    for one in documents:
        mended = _mended(one.score, causes[one.record.row_id], gone)
        scored = one.record.model_copy(update={"status": "scored", "score": mended})
        value = document_value(scored, metric)
        if value is not None:
            values.append(value)
            groups.append(one.record.group)
    return estimate(values, groups, metric)


def _mended(score: Score, causes: Sequence[Cause | None], gone: Set[Cause]) -> Score:
    slots = tuple(
        slot if cause is None or cause not in gone else _right(slot)
        for slot, cause in zip(score.slots, causes, strict=True)
    )
    # A key that the schema does not have is no slot of a right answer.
    kept = tuple(slot for slot in slots if not (slot.bucket == "correctly_empty" and slot.path.endswith("*")))
    exact = all(slot.bucket in RIGHT for slot in kept)
    return score.model_copy(update={"slots": kept, "exact": exact})


def _right(slot: SlotScore) -> SlotScore:
    bucket = "correctly_empty" if slot.gold is None else "correct"
    return slot.model_copy(update={"bucket": bucket, "predicted": slot.gold})


def _shown(row_id: str, slot: SlotScore) -> str:
    gold, said = (str(value)[:40] for value in (slot.gold, slot.predicted))
    return f"{row_id}: {slot.path}, label “{gold}”, answered “{said}”"


def _sentence(found: ErrorMix) -> str:
    if not found.causes:
        return f"{found.arm} has no wrong slot on {found.documents:,} documents."
    first = found.causes[0]
    before, after = found.measured.value, first.without.value
    gain = (
        ""
        if before is None or after is None
        else f" Without them its {found.metric.replace('_', ' ')} would be at most {after:.1%}, not "
        f"{before:.1%}."
    )
    return (
        f"{first.slots:,} of {found.wrong_slots:,} wrong slots of {found.arm} {_WORDS[first.cause]}: "
        f"{first.lever} is what can help.{gain}"
    )
