"""Answer the questions of a decision contract from one local answer of the task.

A question is the task's when its options are among the values that the task knows: its labels, or those of
one field that is an enum or a boolean. A question with another option is another question, which the model
was never measured on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from insource.contract.answers import read_answer
from insource.gateway.call.decisions_api import Decided, Option, Question
from insource.gateway.call.exchange import Attempt
from insource.types import Completion, JsonSchema, Labels, OutputSpec

_TRUE, _FALSE = ("true", "yes"), ("false", "no")


class _Known(NamedTuple):
    """The values that the task knows for its one label (``field`` is None) or for a field."""

    field: str | None
    values: tuple[Option, ...]


class Decider:
    """Answers decision questions for tasks with labels, enums or booleans."""

    def __init__(self, output: OutputSpec) -> None:
        self._output = output
        self._known = tuple(_known(output))

    def answers(self, questions: Sequence[Question]) -> bool:
        """Return whether every question is one that the task answers."""
        return all(self._of(question) is not None for question in questions)

    def recognises(self, questions: Sequence[Question]) -> bool:
        """Return whether the questions alone say that the task answers them, whichever model is named.

        Every question of yes or no has the same options, so such a one has to have the name of its field.
        """
        known = [self._of(question) for question in questions]
        return all(
            one is not None and (not _yes_or_no(question) or (one.field or "") == question.name)
            for one, question in zip(known, questions, strict=True)
        )

    def decide(self, questions: Sequence[Question], attempt: Attempt) -> tuple[Decided, ...] | None:
        """Return the probabilities of all options, or None.

        None: the attempt has no confidence, or the value it found for a question is not among the options.
        """
        if attempt.completion is None or attempt.confidence is None:
            return None
        decided = []
        for question in questions:
            known = self._of(question)
            shares = known and self._shares(known, attempt.completion, attempt.confidence)
            if known is None or not shares:
                return None
            found = _restricted(question, known, shares)
            if found is None:
                return None
            decided.append(found)
        return tuple(decided)

    def _of(self, question: Question) -> _Known | None:
        """Return what the question asks for: the field of its name, or the only one with its options."""
        fitting = [known for known in self._known if _fits(question, known)]
        by_name = [known for known in fitting if known.field is not None and known.field == question.name]
        if by_name or len(self._known) == 1:
            return next(iter(by_name or fitting), None)
        whole = [known for known in fitting if len(known.values) == len(question.options)]
        return whole[0] if len(whole) == 1 and question.kind != "predicate" else None

    def _shares(self, known: _Known, completion: Completion, confidence: float) -> dict[Option, float] | None:
        """Return the probability of each value, as the model states it.

        What a model leaves unsaid is shared equally: it names the likeliest labels only, or how sure it is
        of the one value that it answers.
        """
        if known.field is None:
            said: dict[Option, float] = {completion.text: confidence}
            if completion.label_probabilities:
                said = {label: share for label, share in completion.label_probabilities.items()}
        else:
            answer = read_answer(completion.text, self._output).value
            value = answer.get(known.field) if isinstance(answer, dict) else None
            if value not in known.values:
                return None
            said = {value: completion.field_confidences.get(known.field, confidence)}
        rest = [value for value in known.values if value not in said]
        left = max(0.0, 1.0 - sum(said.values()))
        return said | {value: left / len(rest) for value in rest}


def _known(output: OutputSpec) -> Iterable[_Known]:
    if isinstance(output, Labels):
        yield _Known(None, output.names)
    elif isinstance(output, JsonSchema):
        properties: Mapping[str, Any] = output.definition.get("properties", {})
        for name, schema in properties.items():
            if isinstance(schema, dict) and (values := _values(schema)):
                yield _Known(name, values)


def _values(schema: Mapping[str, Any]) -> tuple[Option, ...]:
    kinds = schema.get("type")
    if "enum" in schema:
        return tuple(value for value in schema["enum"] if isinstance(value, Option))
    return (True, False) if kinds == "boolean" or (isinstance(kinds, list) and "boolean" in kinds) else ()


def _fits(question: Question, known: _Known) -> bool:
    return all(_value_of(option, known) is not None for option in question.options)


def _yes_or_no(question: Question) -> bool:
    return all(str(option).casefold() in (*_TRUE, *_FALSE) for option in question.options)


def _value_of(option: Option, known: _Known) -> Option | None:
    """Return the task's value that an option means. ``yes`` and ``true`` mean true in any spelling."""
    if option in known.values:
        return option
    words = {True: _TRUE, False: _FALSE}
    meant = str(option).casefold()
    same = next((spelled for spelled in words.values() if meant in spelled), ())
    binary = len(known.values) == 2
    return next((v for v in known.values if binary and str(v).casefold() in same), None)


def _restricted(question: Question, known: _Known, shares: Mapping[Option, float]) -> Decided | None:
    """Return the shares of the question's options; None when the likeliest value is none of them."""
    asked = [_value_of(option, known) for option in question.options]
    if max(shares, key=lambda value: shares[value]) not in asked:
        return None
    found = [shares[value] for value in asked if value is not None]
    return Decided(question, tuple(share / sum(found) for share in found))
