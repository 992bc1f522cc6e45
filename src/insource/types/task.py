"""A task: the instruction, the form of an answer, and how answers are judged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from insource.foundation.value_names import told_apart
from insource.types.base import Frozen
from insource.types.message import Message


class Reasoning(Frozen):
    """A text property that a model writes before its answer. ``required``: the grammar makes it write one."""

    name: str
    definition: dict[str, Any]
    required: bool = False


class JsonSchema(Frozen):
    """Answers are JSON documents of this schema, with keys in the schema's property order.

    ``reasoning`` is written before the answer and is no part of it: ``definition`` does not have it.

    Examples:
        >>> from insource import JsonSchema
        >>> output = JsonSchema(definition={"type": "object", "properties": {"voltage": {"type": "string"}}})
        >>> output.kind, list(output.definition["properties"])
        ('json', ['voltage'])
    """

    kind: Literal["json"] = "json"
    definition: dict[str, Any]
    inferred: bool = False
    # Left out where there is none, so that what was kept of tasks without it keeps its digest.
    reasoning: Reasoning | None = Field(None, exclude_if=lambda held: held is None)

    @property
    def generated(self) -> dict[str, Any]:
        """The schema of what a model writes: the reasoning, then the answer."""
        return self.with_reasoning(self.definition)

    def with_reasoning(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of an answer with the reasoning as its first property."""
        if self.reasoning is None:
            return answer
        properties = {self.reasoning.name: self.reasoning.definition, **answer.get("properties", {})}
        required = [self.reasoning.name] if self.reasoning.required else []
        both = {**answer, "properties": properties}
        return {**both, "required": [*required, *answer.get("required", [])]} if required else both


class Labels(Frozen):
    """Answers are one of these labels, as plain text.

    Examples:
        >>> from insource import Labels
        >>> Labels(names=("billing", "technical")).names
        ('billing', 'technical')
    """

    kind: Literal["labels"] = "labels"
    names: tuple[str, ...]
    inferred: bool = False


class Text(Frozen):
    """Answers are free text, judged by required facts, overlap with the label, and style checks."""

    kind: Literal["text"] = "text"


class Style(Frozen):
    """``[task.style]``: declared checks of a text answer. Each one that is set has a pass rate of its own.

    ``max_lix`` is the readability of Björnsson (1968): words per sentence plus the percentage of words with
    more than six letters; about 25 for children's books, 40 for newspapers, 60 for officialese.
    """

    min_words: int | None = Field(None, ge=1, description="Fewest words of an answer.")
    max_words: int | None = Field(None, ge=1, description="Most words of an answer.")
    min_characters: int | None = Field(None, ge=1, description="Fewest characters of an answer.")
    max_characters: int | None = Field(None, ge=1, description="Most characters of an answer.")
    required_words: tuple[str, ...] = Field((), description="Words or phrases that every answer holds.")
    forbidden_words: tuple[str, ...] = Field((), description="Words or phrases that no answer holds.")
    max_lix: float | None = Field(
        None, gt=0, description="Hardest reading level (LIX: 25 easy, 40 newspapers, 60 officialese)."
    )
    markup: Literal["any", "none", "markdown"] = Field(
        "any", description="Markup that an answer may hold: `any`, `none`, or `markdown` but no HTML."
    )


OutputSpec = Annotated[JsonSchema | Labels | Text, Field(discriminator="kind")]

AbsentFields = Literal["null", "unscored"]


class Task(Frozen):
    """One narrow job.

    ``absent_fields`` says what a field missing from a label means: the document has no value (``null``), or
    the field was not annotated and is not judged (``unscored``). ``margin`` is the largest loss on the
    primary metric that still counts as "not worse", as a ratio. ``comparators`` are confirmed ones by path
    (``matching.confirmed``), ``abstain_with`` the values by which an answer says that it does not know,
    ``out_of_scope`` the label of documents without one, and ``scorer`` a function of the user's own
    (``module:function`` or ``file.py:function``).

    Examples:
        >>> from insource import Labels, Task
        >>> task = Task(
        ...     name="tickets",
        ...     instruction="Route the ticket.",
        ...     output=Labels(names=("billing", "technical")),
        ...     primary_metric="accuracy",
        ... )
        >>> for message in task.messages("My invoice is wrong.", describe_output=True):
        ...     print(f"{message.role}: {message.content}")
        system: Route the ticket.
        Answer with exactly one of these labels, and nothing else: billing, technical
        user: My invoice is wrong.
    """

    name: str
    instruction: str
    output: OutputSpec
    primary_metric: str = "field_accuracy"
    margin: float = 0.02
    absent_fields: AbsentFields = "null"
    privacy: Literal["cloud-allowed", "local-only"] = "cloud-allowed"
    comparators: dict[str, str] = {}
    abstain_with: tuple[str, ...] = ()
    out_of_scope: str = ""
    style: Style = Style()
    scorer: str = ""

    def messages(
        self,
        document: str,
        *,
        attributes: Iterable[str] | None = None,
        contract: dict[str, Any] | None = None,
        describe_output: bool = False,
    ) -> tuple[Message, ...]:
        """Return the prompt for one document, the same in training, evaluation and serving.

        ``describe_output`` appends the schema (the document's own ``contract`` if it has one) or the labels
        to the instruction. An untuned model needs this; a tuned one has learned it. Labels with commas, line
        breaks or quotation marks are quoted, one a line.
        """
        system = self.instruction
        if describe_output and (described := self._described_output(contract)):
            system = f"{system}\n{described}"
        asked = "" if attributes is None else "\nFields: " + ", ".join(attributes)
        return (Message(role="system", content=system), Message(role="user", content=document + asked))

    def _described_output(self, contract: dict[str, Any] | None) -> str:
        if isinstance(self.output, JsonSchema):
            schema = plain_schema(contract or self.output.generated)
            compact = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
            return f"Answer with one JSON object that fits this JSON Schema, and nothing else: {compact}"
        if isinstance(self.output, Labels):
            names = told_apart(self.output.names)
            if names == self.output.names:
                return "Answer with exactly one of these labels, and nothing else: " + ", ".join(names)
            return (
                "Answer with exactly one of these labels, without its quotation marks, and nothing else:\n"
                + "\n".join(names)
            )
        return ""


def plain_schema(schema: Any) -> Any:
    """Return a schema without Insource's own keywords, which say how answers are compared."""
    if isinstance(schema, dict):
        return {key: plain_schema(value) for key, value in schema.items() if key != "x-insource"}
    return [plain_schema(value) for value in schema] if isinstance(schema, list) else schema
