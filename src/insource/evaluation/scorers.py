"""Score one answer against its label: five buckets for slots, and four levels of format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from insource.contract.answers import ParsedAnswer, answer_text, read_answer
from insource.contract.asked import restricted
from insource.contract.reasoning import without_reasoning
from insource.contract.resolved import InvalidSchema
from insource.contract.validate import fits
from insource.dataset.checks.refusals import refusal
from insource.evaluation.scoring.custom import custom_scorer, with_own
from insource.evaluation.scoring.style import style_checks
from insource.evaluation.scoring.text import missing_facts, references, text_metrics
from insource.foundation.errors import DataError
from insource.matching.acceptable import RIGHT, accepted
from insource.matching.align import Slot, align
from insource.matching.confirmed import with_comparators
from insource.matching.declared import check_declared
from insource.matching.normal_forms import fold_text
from insource.matching.surface import SurfaceForms
from insource.types import Bucket, Completion, Example, JsonSchema, Labels, Score, SlotScore, Task, Text

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

    An answer that was cut (``finish_reason`` length), blocked, refused or empty is a ``failure``, whatever it
    holds. A value of ``task.abstain_with`` is ``abstained`` where the label does not say so too. Of several
    acceptable values the nearest one is the label. ``task.scorer`` has the last word, except on failures.

    ``example.contract`` replaces the task's schema, and ``example.attributes`` limits it to the requested
    fields. ``surface`` gives the surface forms of the labels, and the decimal marks that they settle; without
    it, ``canonical`` equals ``schema_valid``.

    Raises:
        DataError: ``invalid-schema`` or, while scoring, ``target-not-json``, ``scorer-failed``.
        ConfigError: ``unknown-comparator``, ``scorer-unusable``.

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
    if isinstance(task.output, JsonSchema):
        _require_valid(task.output)
        task = compared(task)
        built: Scorer = partial(_score_json, task, surface)
    else:
        built = partial(_score_whole, task)
    own = custom_scorer(task.scorer).function if task.scorer else None

    def score(example: Example, completion: Completion) -> Score:
        if failure := _failure(completion):
            return forfeited(empty_score(task, example), failure)
        completion = completion.model_copy(update={"text": answer_text(completion.text, task.output)})
        found = built(example, completion)
        return found if own is None or found.failure else with_own(found, own, example, completion)

    return score


def compared(task: Task) -> Task:
    """Return the task with its confirmed comparators in its schema.

    Raises:
        ConfigError: ``unknown-comparator``.
    """
    if not isinstance(task.output, JsonSchema) or not task.comparators:
        return task
    schema = dict(with_comparators(task.output.definition, task.comparators))
    return task.model_copy(update={"output": task.output.model_copy(update={"definition": schema})})


def training_forms(task: Task, train: Sequence[Example]) -> SurfaceForms | None:
    """Return how values are written in the training labels; answers have to be spelled like that."""
    if not isinstance(task.output, JsonSchema):
        return None
    schema = compared(task).output
    assert isinstance(schema, JsonSchema)
    return SurfaceForms.fit((json.loads(example.target) for example in train), schema.definition)


_FAILURES = {
    "length": "cut: the answer used all tokens it was allowed",
    "content_filter": "blocked by a content filter",
    "error": "the provider ended the answer with an error",
}


def _failure(completion: Completion) -> str:
    """Return why there is no answer to judge, empty when there is one."""
    return _FAILURES.get(completion.finish_reason, "" if completion.text.strip() else "empty answer")


def empty_score(task: Task, example: Example) -> Score:
    """Return the score of an empty answer: null slots are right, all others missed.

    It is the floor that any arm must exceed, and it gives the slots that a failed call misses.
    """
    if not isinstance(task.output, JsonSchema):
        metrics = dict.fromkeys(_whole_metrics(task, example, ""), 0.0)
        return _forfeited(_unanswered(task, example), metrics=metrics)
    slots = _aligned(task, None, example, None)
    return _json_score(slots, ParsedAnswer(None, parsed=True, repairable=True), valid=False, canonical=False)


def empty_scores(task: Task, examples: Iterable[Example]) -> dict[str, Score]:
    """Return ``empty_score`` of each example by row id, for ``all_null`` of ``summarise``."""
    task = compared(task)
    return {example.row_id: empty_score(task, example) for example in examples}


def forfeited(empty: Score, failure: str = "") -> Score:
    """Return the score of an unusable answer, from the score of an empty one: every slot is missed."""
    slots = tuple(slot.model_copy(update={"bucket": "missed"}) for slot in empty.slots)
    score = _forfeited(slots, metrics=empty.metrics, failure=failure)
    return score.model_copy(update={"correction_cost": empty.correction_cost})


def _forfeited(
    slots: tuple[SlotScore, ...],
    *,
    parsed: bool = False,
    metrics: Mapping[str, float] | None = None,
    failure: str = "",
) -> Score:
    return Score(
        slots=slots,
        parsed=parsed,
        repairable=parsed,
        schema_valid=False,
        canonical=False,
        exact=False,
        explanation=failure or "no usable answer",
        metrics=dict(metrics or {}),
        failure=failure,
    )


def _unanswered(task: Task, example: Example) -> tuple[SlotScore, ...]:
    path = LABEL if isinstance(task.output, Labels) else TEXT
    return (SlotScore(path=path, bucket="missed", gold=example.target),)


def _whole_metrics(task: Task, example: Example, answer: str) -> dict[str, float]:
    if not isinstance(task.output, Text):
        return {}
    checks = {name: float(passed) for name, passed in style_checks(task.style, answer).items()}
    return text_metrics(example, answer) | checks


def _score_whole(task: Task, example: Example, completion: Completion) -> Score:
    text = completion.text
    # A label that itself holds reasoning is compared with the whole text.
    whole = isinstance(task.output, Text) and without_reasoning(example.target) != example.target
    answer = ParsedAnswer(text, parsed=True, repairable=True) if whole else read_answer(text, task.output)
    slot = _unanswered(task, example)[0]
    value = answer.value.strip() if isinstance(answer.value, str) else ""
    refused = (
        _refused(value or text, *references(example)) if not value or isinstance(task.output, Text) else ""
    )
    if refused or not value:
        abstained = not refused and _abstains(task, without_reasoning(text))
        slots = (slot.model_copy(update={"bucket": "abstained"}),) if abstained else (slot,)
        metrics = dict.fromkeys(_whole_metrics(task, example, ""), 0.0)
        return _forfeited(slots, parsed=answer.parsed and not refused, metrics=metrics, failure=refused)
    known = [one.strip() for one in references(example)]
    right = value in known
    bucket: Bucket = "correct" if right else "abstained" if _abstains(task, value) else "wrong"
    gold = value if right else example.target
    slot = slot.model_copy(update={"bucket": bucket, "gold": gold, "predicted": value})
    missing = missing_facts(example.facts, value)
    return Score(
        slots=(slot,),
        parsed=answer.parsed,
        repairable=answer.repairable,
        schema_valid=answer.parsed,
        canonical=answer.parsed,
        exact=right,
        answer=value,
        explanation=f"missing facts: {', '.join(missing)}" if missing else _explain((slot,)),
        metrics=_whole_metrics(task, example, value),
    )


def _refused(text: str, *labels: str) -> str:
    said = refusal(text)
    return f"refused: {said[:80]}" if said and not any(map(refusal, labels)) else ""


def _score_json(task: Task, surface: SurfaceForms | None, example: Example, completion: Completion) -> Score:
    answer = read_answer(completion.text, task.output)
    if not answer.repairable:
        refused = _refused(without_reasoning(completion.text).strip())
        return forfeited(empty_score(task, example), refused)
    slots = _aligned(task, surface, example, answer.value)
    valid = answer.parsed and fits(answer.value, schema_of(task, example))
    canonical = valid and (surface is None or _all_canonical(slots, answer.value, surface))
    return _json_score(slots, answer, valid=valid, canonical=canonical)


def _aligned(task: Task, surface: SurfaceForms | None, example: Example, answer: Any) -> tuple[Slot, ...]:
    schema, decimals = schema_of(task, example), surface.decimals if surface else {}

    def against(label: Any) -> tuple[Slot, ...]:
        return align(label, answer, schema, absent=task.absent_fields, decimals=decimals)

    label = _target(example)
    slots = accepted(label, example.acceptable, against) if example.acceptable else against(label)
    return tuple(map(partial(_or_abstained, task), slots)) if task.abstain_with else slots


def _or_abstained(task: Task, slot: Slot) -> Slot:
    gave_up = slot.bucket in ("wrong", "invented") and _abstains(task, slot.predicted)
    return slot._replace(bucket="abstained") if gave_up else slot


def _abstains(task: Task, value: Any) -> bool:
    return isinstance(value, str) and fold_text(value) in map(fold_text, task.abstain_with)


def _json_score(slots: tuple[Slot, ...], answer: ParsedAnswer, *, valid: bool, canonical: bool) -> Score:
    scored = tuple(
        SlotScore(path=slot.path, bucket=slot.bucket, gold=slot.gold, predicted=slot.predicted)
        for slot in slots
    )
    # Where fields are declared to be what automation needs, the others may be wrong in a touch-free document.
    needed = [slot for slot in slots if slot.comparator.automation] or slots
    faults = [slot for slot in slots if slot.bucket not in RIGHT]
    return Score(
        slots=scored,
        parsed=answer.parsed,
        repairable=answer.repairable,
        schema_valid=valid,
        canonical=canonical,
        exact=all(slot.bucket in RIGHT for slot in needed),
        answer=answer.value,
        explanation=_explain(scored, unsearched := sum(not slot.searched for slot in slots)),
        unsearched=unsearched,
        correction_cost=_cost(slots, faults),
    )


def _cost(slots: Iterable[Slot], faults: Iterable[Slot]) -> float | None:
    """Return the declared cost of correcting these faults; a field without one costs 1 beside others."""
    if all(slot.comparator.cost is None for slot in slots):
        return None
    return sum(1.0 if slot.comparator.cost is None else slot.comparator.cost for slot in faults)


def _all_canonical(slots: tuple[Slot, ...], answer: Any, surface: SurfaceForms) -> bool:
    """Whether every value in the answer has the surface form of its field's labels, extra fields included."""
    return all(
        surface.canonical(slot.path, slot.predicted, slot.gold if slot.bucket == "correct" else None)
        for slot in slots
        if slot.predicted is not None
    )


def _explain(slots: tuple[SlotScore, ...], unsearched: int = 0) -> str:
    """Describe the first few wrong slots: ``power.voltage wrong: "400 V", label "480 V"; …``."""
    faults = [slot for slot in slots if slot.bucket not in RIGHT]
    parts = []
    for slot in faults[:_SHOWN]:
        values = {
            "wrong": f"{_show(slot.predicted)}, label {_show(slot.gold)}",
            "missed": f"label {_show(slot.gold)}",
            "invented": _show(slot.predicted),
            "abstained": _show(slot.predicted),
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


def schema_of(task: Task, example: Example) -> Mapping[str, Any]:
    """Return the schema that an example is judged by: its own or the task's, limited to what it asks for."""
    task_schema = task.output.definition if isinstance(task.output, JsonSchema) else {}
    own = example.contract
    schema = task_schema if own is None else with_comparators(own, task.comparators, partly=True)
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
