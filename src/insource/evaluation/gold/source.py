"""Who stands behind the labels: only against people's labels is a figure an accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from insource.types import EvalRecord, Example
from insource.types.gold import GoldSource

ACCURACIES = frozenset({"accuracy", "field_accuracy", "exact_match", "macro_f1"})
"""The metrics that say how right an arm is, and so need labels that are right."""


def gold_source(examples: Iterable[Example]) -> GoldSource:
    """Return who stands behind the labels of these documents.

    Examples:
        >>> from insource import Example
        >>> from insource.evaluation.gold.source import gold_source
        >>> origin = {"source": "log", "label": "teacher", "provider": "openai", "model": "gpt-4o"}
        >>> row = Example(row_id="1", digest="0", input="i", target="t", provenance=origin)
        >>> gold_source([row]).kind, gold_source([row]).teachers
        ('agreement', {'openai/gpt-4o': 1})
    """
    named = [teacher_of(example) for example in examples]
    teachers = Counter(name for name in named if name)
    return GoldSource(
        kind="agreement" if teachers else "accuracy",
        people=len(named) - teachers.total(),
        teachers=dict(teachers.most_common()),
    )


def teacher_of(example: Example) -> str:
    """Return the model whose unchecked answer the label is, as ``provider/model``; empty for people's."""
    origin = example.provenance
    if origin.label != "teacher":
        return ""
    return "/".join(part for part in (origin.provider, origin.model) if part) or "a model that is not named"


def same_model(one: str, other: str) -> bool:
    """Return whether two names are of one model; a provider is compared where both name one."""
    first, second = one.casefold().split("/"), other.casefold().split("/")
    shorter = min(len(first), len(second))
    return first[-shorter:] == second[-shorter:]


def titled(metric: str, source: GoldSource) -> str:
    """Return what a metric is called in a title: a figure on a model's labels is never an accuracy.

    Examples:
        >>> from insource.evaluation.gold.source import titled
        >>> from insource.types.gold import GoldSource
        >>> titled("field_accuracy", GoldSource(kind="agreement", people=0, teachers={"gpt-4o": 20}))
        'field agreement with gpt-4o'
    """
    words = metric.replace("_", " ")
    if source.kind == "accuracy" or metric not in ACCURACIES:
        return words
    kind = {"accuracy": "agreement", "field_accuracy": "field agreement"}.get(metric, f"{words}, agreement")
    return f"{kind} with {' and '.join(source.teachers)}"


def unchecked_disagreements(
    examples: Mapping[str, Example], candidate: Sequence[EvalRecord], cloud: Sequence[EvalRecord]
) -> tuple[str, ...]:
    """Return the documents on which the two differ and whose label nobody checked.

    While there are any, it cannot be said that the candidate beats the cloud.
    """
    return tuple(
        row_id
        for row_id in disagreements(candidate, cloud)
        if (example := examples.get(row_id)) is not None and teacher_of(example)
    )


def unfounded_win(
    examples: Mapping[str, Example], candidate: Sequence[EvalRecord], cloud: Sequence[EvalRecord]
) -> str:
    """Return why the candidate cannot be said to beat the cloud, with the next step; empty if it can."""
    rows = unchecked_disagreements(examples, candidate, cloud)
    if not rows:
        return ""
    teachers = " and ".join(dict.fromkeys(teacher_of(examples[row]) for row in rows))
    return (
        f"On {len(rows):,} documents the two differ and the label is an answer of {teachers} that nobody "
        "checked: to agree with it more often is not to be better. "
        "Have people check these labels first: insource dataset review"
    )


def disagreements(candidate: Sequence[EvalRecord], cloud: Sequence[EvalRecord]) -> tuple[str, ...]:
    """Return the documents on which two arms do not answer the same.

    On all others the label adds nothing to their difference, so nobody need check it.
    """
    theirs = {record.row_id: record for record in cloud if record.status != "unscored"}
    return tuple(
        record.row_id
        for record in candidate
        if record.status != "unscored"
        and record.row_id in theirs
        and _answered(record) != _answered(theirs[record.row_id])
    )


def _answered(record: EvalRecord) -> list[tuple[str, str, str]]:
    slots = record.score.slots if record.score else ()
    return sorted((slot.path, slot.bucket, str(slot.predicted)) for slot in slots)
