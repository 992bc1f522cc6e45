"""The questions that a task's output contract asks: one for a label, one for each field."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from insource.contract.places import Place, place_of
from insource.types import JsonSchema, Labels, OutputSpec

LABEL = "label"
"""The name of the question for a label."""

MOST_OPTIONS = 255  # of one choice, in both contracts
NOT_STATED = "The document does not say."


class Unaskable(ValueError):
    """The output cannot be asked for by typed questions. The message is the reason."""


class Question(NamedTuple):
    """One question. ``options`` are the values of the answer by their text; none: whether it is true."""

    name: str
    instructions: str
    options: Mapping[str, Any] = {}

    def described(self) -> Iterator[tuple[str, str]]:
        """Yield each option with its description, which is empty when the option says it all."""
        for option, value in self.options.items():
            yield option, NOT_STATED if value is None else ""


class Questions(NamedTuple):
    """All questions about a document. ``whole`` says that the one answer is the output: a label."""

    asked: tuple[Question, ...]
    whole: bool

    def about(self, attributes: Collection[str] | None) -> tuple[Question, ...]:
        """Return the questions for the fields that are asked for; None means all."""
        if attributes is None or self.whole:
            return self.asked
        return tuple(one for one in self.asked if one.name in attributes)

    def text(self, values: Mapping[str, Any]) -> str:
        """Return the output: the label, or compact JSON with the values by field in the schema's order."""
        if self.whole:
            return str(values[LABEL])
        ordered = {one.name: values[one.name] for one in self.asked if one.name in values}
        return json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))


def questions_of(output: OutputSpec, instruction: str) -> Questions:
    """Return the questions of an output: labels, or a JSON object of enums and booleans.

    Raises:
        Unaskable: another output, or more than ``MOST_OPTIONS`` options.
        InvalidSchema: the schema is not valid.
    """
    if isinstance(output, Labels):
        question = Question(LABEL, instruction, {name: name for name in output.names})
        return Questions((_checked(question),), whole=True)
    if not isinstance(output, JsonSchema):
        raise Unaskable("a decision model writes no text")
    place = place_of(output.definition)
    if not place.properties or place.open:
        raise Unaskable("the output is no object with declared fields")
    asked = [_question(name, field, instruction) for name, field in place.properties.items()]
    return Questions(tuple(map(_checked, asked)), whole=False)


def _question(name: str, field: Place, instruction: str) -> Question:
    about = field.keywords.get("description") or field.keywords.get("title") or ""
    instructions = f"{instruction}\nField: {name}. {about}".rstrip()
    values = field.keywords.get("enum")
    if values is None and "const" in field.keywords:
        values = [field.keywords["const"]]
    if values is None and field.types == {"boolean"}:
        return Question(name, instructions)
    if values is None and field.types == {"boolean", "null"}:
        values = [True, False]
    if values is None or field.open:
        raise Unaskable(f"the field {name} is neither an enum nor a boolean")
    if "null" in field.types and None not in values:
        values = [*values, None]
    options = {one if isinstance(one, str) else json.dumps(one): one for one in values}
    if len(options) < len(values):
        raise Unaskable(f"the field {name} has two values that are spelled the same")
    return Question(name, instructions, options)


def _checked(question: Question) -> Question:
    if len(question.options) > MOST_OPTIONS:
        raise Unaskable(
            f"{question.name} has {len(question.options)} options, and a choice takes {MOST_OPTIONS}"
        )
    return question
