"""How answers are trained, with their keys or without, and what is known about the other way."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean
from typing import Any

from insource.config.training import TrainingSection
from insource.contract.compact_form import compact_form, require_compact_form
from insource.contract.reasoning_field import trained_text
from insource.evaluation.comparison.pairs import gain_sign
from insource.foundation.errors import DataError
from insource.training.defaults import GIVEN
from insource.training.recipe import Choice
from insource.training.tokenize import text_ids
from insource.types import Example, JsonSchema, Task, TrainingSummary

NAME = "answers"
SETTING = "training.compact_answers"


def as_trained(task: Task, examples: Sequence[Example], section: TrainingSection) -> Sequence[Example]:
    """Return the examples with their answers as the model is to write them.

    Raises:
        ConfigError: ``no-compact-form``.
        DataError: ``answer-not-writable`` for an answer that is not in canonical form.
    """
    if not section.compact_answers:
        return examples
    require_compact_form(task.output)
    try:
        return [example.model_copy(update={"target": _compact(task, example)}) for example in examples]
    except ValueError as error:
        raise DataError(
            "answer-not-writable",
            f"An answer has no compact form: {error}.",
            hint=f"Remove `{SETTING}`, or give every answer all keys of the schema.",
        ) from error


def choice(
    task: Task,
    tokenizer: Any,
    examples: Sequence[Example],
    section: TrainingSection,
    earlier: Sequence[TrainingSummary] = (),
) -> Choice | None:
    """Return how answers are written, with the reason; None where they have no keys.

    ``earlier`` are runs on the same rows, the newest first. The compact form is recommended only where they
    measured it, and it was not worse.
    """
    if not isinstance(task.output, JsonSchema) or not examples:
        return None
    whole = _tokens(tokenizer, [trained_text(e.target, e.reasoning, task.output) for e in examples])
    if section.compact_answers:
        short = _tokens(tokenizer, [example.target for example in as_trained(task, examples, section)])
        return Choice(
            name=NAME, value=f"values alone, {short:.0f} tokens", reason=f"{GIVEN}; with keys {whole:.0f}"
        )
    try:
        short = _tokens(tokenizer, [_compact(task, example) for example in examples])
    except ValueError as error:
        return Choice(name=NAME, value=f"with keys, {whole:.0f} tokens", reason=f"no form without: {error}")
    reason = f"values alone have {short:.0f}; {_measured(task, earlier)}"
    return Choice(name=NAME, value=f"with keys, {whole:.0f} tokens", reason=reason)


def _compact(task: Task, example: Example) -> str:
    form = compact_form(task.output if example.contract is None else example.contract)
    try:
        return form.written(example.target)
    except ValueError as error:
        raise ValueError(f"{example.row_id}: {error}") from error


def _tokens(tokenizer: Any, answers: Sequence[str]) -> float:
    return mean(len(text_ids(tokenizer, answer)) for answer in answers)


def _measured(task: Task, earlier: Sequence[TrainingSummary]) -> str:
    scores = {
        compact: next(
            (
                run.score.value
                for run in earlier
                if run.compact_answers is compact and run.metric == task.primary_metric and run.score
            ),
            None,
        )
        for compact in (True, False)
    }
    compact, whole = scores[True], scores[False]
    if compact is None or whole is None:
        return f"what they cost in quality is not measured on these rows: {SETTING}"
    better = gain_sign(task.primary_metric) * (compact - whole) >= 0
    return f"they scored {compact:.3f}, these {whole:.3f}: {'' if better else 'not '}recommended"
