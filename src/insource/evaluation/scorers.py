"""Score one answer against its label: five buckets for slots, and four levels of format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from insource.contract.answers import ParsedAnswer, read_answer
from insource.contract.asked import restricted
from insource.contract.reasoning import without_reasoning
from insource.contract.resolved import InvalidSchema
from insource.contract.validate import fits
from insource.foundation.errors import DataError
from insource.matching.align import Slot, align
from insource.matching.declared import check_declared
from insource.matching.surface import SurfaceForms
from insource.types import Completion, Example, JsonSchema, Labels, Score, SlotScore, Task, Text

Scorer = Callable[[Example, Completion], Score]

LABEL, TEXT = "(label)", "(text)"
"""The path of the only slot of a label or text answer."""

_SHOWN = 4
"""The number of slots in an explanation."""
_VALUE_LENGTH = 40


def build_scorer(task: Task, surface: SurfaceForms | None = None) -> Scorer:
    """Return the scorer of a task, ``(Example, Completion) -> Score``. It never raises on an answer.

    Content and format are scored separately. Slots are filled from the parsed answer, repaired if needed, so
    a correct answer in a code fence has correct fields. ``parsed``, ``schema_valid`` and ``canonical`` judge
    the raw text, so the same answer is a format failure. If an answer cannot be repaired, every slot counts
    as *missed*, including those whose label is null. These stay in the denominator of field accuracy without
    credit; recall and edit burden count only slots with a label value.

    ``example.contract`` replaces the task's schema, and ``example.attributes`` limits it to the requested
    fields. ``surface`` gives the surface forms of the labels, and the decimal marks that they settle; without
    it, ``canonical`` equals ``schema_valid``.

    Raises:
        DataError: ``invalid-schema`` or, while scoring, ``target-not-json``.
        ConfigError: ``unknown-comparator``.

    Examples:
        >>> from insource import Completion, Example, JsonSchema, Task, build_scorer
        >>> field = {"type": ["string", "null"]}
        >>> schema = {"type": "object", "properties": {"voltage": field, "phase": field}}
        >>> score = build_scorer(
        ...     Task(name="specs", instruction="Extract.", output=JsonSchema(definition=schema))
        ... )
        >>> example = Example(
        ...     row_id="row-1",
        ...     digest="0",
        ...     input="Rated voltage: 480 V",
        ...     target='{"voltage":"480 V","phase":null}',
        ...     provenance={"source": "rows.jsonl"},
        ... )
        >>> found = score(example, Completion(text='{"voltage": "480 V", "phase": "3-phase"}'))
        >>> [(slot.path, slot.bucket) for slot in found.slots]
        [('voltage', 'correct'), ('phase', 'invented')]
    """
    if not isinstance(task.output, JsonSchema):
        return lambda example, completion: _score_whole(task, example, completion.text)
    _require_valid(task.output)

    def score(example: Example, completion: Completion) -> Score:
        return _score_json(task, surface, example, read_answer(completion.text, task.output))

    return score


def empty_score(task: Task, example: Example) -> Score:
    """Return the score of an empty answer: null slots are right, all others missed.

    It is the floor that any arm must exceed, and it gives the slots that a failed call misses.
    """
    if not isinstance(task.output, JsonSchema):
        return _forfeited(_unanswered(task, example))
    gold, schema = _target(example), _schema_of(task, example)
    slots = align(gold, None, schema, absent=task.absent_fields)
    return _json_score(slots, ParsedAnswer(None, parsed=True, repairable=True), valid=False, canonical=False)


def empty_scores(task: Task, examples: Iterable[Example]) -> dict[str, Score]:
    """Return ``empty_score`` of each example by row id, for ``all_null`` of ``summarise``."""
    return {example.row_id: empty_score(task, example) for example in examples}


def forfeited(empty: Score) -> Score:
    """Return the score of an unusable answer, from the score of an empty one: every slot is missed."""
    return _forfeited(tuple(slot.model_copy(update={"bucket": "missed"}) for slot in empty.slots))


def _forfeited(slots: tuple[SlotScore, ...], *, parsed: bool = False) -> Score:
    return Score(
        slots=slots,
        parsed=parsed,
        repairable=parsed,
        schema_valid=False,
        canonical=False,
        exact=False,
        explanation="no usable answer",
    )


def _unanswered(task: Task, example: Example) -> tuple[SlotScore, ...]:
    path = LABEL if isinstance(task.output, Labels) else TEXT
    return (SlotScore(path=path, bucket="missed", gold=example.target),)


def _score_whole(task: Task, example: Example, text: str) -> Score:
    # A label that itself holds reasoning is compared with the whole text.
    whole = isinstance(task.output, Text) and without_reasoning(example.target) != example.target
    answer = ParsedAnswer(text, parsed=True, repairable=True) if whole else read_answer(text, task.output)
    slot = _unanswered(task, example)[0]
    value = answer.value.strip() if isinstance(answer.value, str) else ""
    if not value:
        return _forfeited((slot,), parsed=answer.parsed)
    right = value == example.target.strip()
    slot = slot.model_copy(update={"bucket": "correct" if right else "wrong", "predicted": value})
    return Score(
        slots=(slot,),
        parsed=answer.parsed,
        repairable=answer.repairable,
        schema_valid=answer.parsed,
        canonical=answer.parsed,
        exact=right,
        answer=value,
        explanation=_explain((slot,)),
    )


def _score_json(task: Task, surface: SurfaceForms | None, example: Example, answer: ParsedAnswer) -> Score:
    schema = _schema_of(task, example)
    if not answer.repairable:
        return forfeited(empty_score(task, example))
    decimals = surface.decimals if surface else {}
    slots = align(_target(example), answer.value, schema, absent=task.absent_fields, decimals=decimals)
    valid = answer.parsed and fits(answer.value, schema)
    canonical = valid and (surface is None or _all_canonical(slots, answer.value, surface))
    return _json_score(slots, answer, valid=valid, canonical=canonical)


def _json_score(slots: tuple[Slot, ...], answer: ParsedAnswer, *, valid: bool, canonical: bool) -> Score:
    scored = tuple(
        SlotScore(path=slot.path, bucket=slot.bucket, gold=slot.gold, predicted=slot.predicted)
        for slot in slots
    )
    return Score(
        slots=scored,
        parsed=answer.parsed,
        repairable=answer.repairable,
        schema_valid=valid,
        canonical=canonical,
        exact=all(slot.bucket in ("correct", "correctly_empty") for slot in slots),
        answer=answer.value,
        explanation=_explain(scored, unsearched := sum(not slot.searched for slot in slots)),
        unsearched=unsearched,
    )


def _all_canonical(slots: tuple[Slot, ...], answer: Any, surface: SurfaceForms) -> bool:
    """Whether every value in the answer has the surface form of its field's labels, extra fields included."""
    return all(
        surface.canonical(slot.path, slot.predicted, slot.gold if slot.bucket == "correct" else None)
        for slot in slots
        if slot.predicted is not None
    )


def _explain(slots: tuple[SlotScore, ...], unsearched: int = 0) -> str:
    """Describe the first few wrong slots: ``power.voltage wrong: "400 V", label "480 V"; …``."""
    faults = [slot for slot in slots if slot.bucket in ("wrong", "missed", "invented")]
    parts = []
    for slot in faults[:_SHOWN]:
        values = {
            "wrong": f"{_show(slot.predicted)}, label {_show(slot.gold)}",
            "missed": f"label {_show(slot.gold)}",
            "invented": _show(slot.predicted),
        }
        parts.append(f"{slot.path} {slot.bucket}: {values[slot.bucket]}")
    more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
    long = [f"{unsearched} of them in a list too long to compare all of its items"] if unsearched else []
    return "; ".join(parts + more + long)


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_LENGTH else text[: _VALUE_LENGTH - 1] + "…"


def _target(example: Example) -> Any:
    try:
        return json.loads(example.target)
    except ValueError as error:
        raise DataError(
            "target-not-json",
            f"The label of row {example.row_id} is not JSON: {error}",
            hint="Correct this row's `output`, then run `insource dataset build` again.",
        ) from error


def _schema_of(task: Task, example: Example) -> Mapping[str, Any]:
    task_schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    schema = task_schema if example.contract is None else example.contract
    return schema if example.attributes is None else restricted(schema, example.attributes)


def _require_valid(output: JsonSchema) -> None:
    """Report an invalid schema at once, not at the first document."""
    check_declared(output.definition)
    try:
        fits(None, output.definition)
    except InvalidSchema as error:
        raise DataError(
            "invalid-schema",
            f"The output contract of the task is not valid: {error}.",
            hint="Correct the schema that `[task]` names in insource.toml.",
        ) from error
