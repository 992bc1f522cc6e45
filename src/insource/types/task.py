"""A task: what is asked of the model, what an answer looks like, how it is judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from insource.types.base import Frozen


class JsonSchema(Frozen):
    """Answers are JSON documents of this schema; property order is output order."""

    kind: Literal["json"] = "json"
    definition: dict[str, Any]
    inferred: bool = False


class Labels(Frozen):
    """Answers are one of these labels, as plain text."""

    kind: Literal["labels"] = "labels"
    names: tuple[str, ...]
    inferred: bool = False


class Text(Frozen):
    """Answers are free text; only exact match can be scored."""

    kind: Literal["text"] = "text"


OutputSpec = Annotated[JsonSchema | Labels | Text, Field(discriminator="kind")]

AbsentFields = Literal["null", "unscored"]


class Task(Frozen):
    """One narrow job.

    ``absent_fields`` says what a field missing from a label means: nothing to find (``null``), or
    not annotated and therefore not judged (``unscored``). ``margin`` is the largest loss on the
    primary metric that still counts as "not worse", as a ratio.
    """

    name: str
    instruction: str
    output: OutputSpec
    primary_metric: str = "field_accuracy"
    margin: float = 0.02
    absent_fields: AbsentFields = "null"
    privacy: Literal["cloud-allowed", "local-only"] = "cloud-allowed"
