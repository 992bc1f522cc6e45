"""`[project]` and `[task]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen
from insource.types.task import AbsentFields

Metric = Literal["field_accuracy", "exact_match", "accuracy"]


class ProjectSection(Frozen):
    title: str = Field("", description="The headline of the report; the task's name when empty.")
    seed: int = Field(0, ge=0, description="The one seed every random stream is derived from.")
    workspace: str = Field(".insource", description="Where the log, datasets, runs and models are kept.")


class TaskSection(Frozen):
    name: str = Field("task", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Short name, used in file names.")
    instruction: str = Field(
        "Extract the requested fields as JSON.",
        description="The system message. Keep it short: the tuned model learns the rest.",
    )
    schema_path: str = Field("", alias="schema", description="File with the JSON Schema of an answer.")
    schemas_path: str = Field(
        "", alias="schemas", description="File with named schemas, for rows that name theirs."
    )
    labels: tuple[str, ...] = Field((), description="The labels of a classification task.")
    primary_metric: Metric | None = Field(
        None, description="What the verdict is about; field_accuracy, or accuracy for labels."
    )
    margin: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="The largest loss on the primary metric that counts as not worse (ratio).",
    )
    absent_fields: AbsentFields = Field(
        "null", description="What a field missing from a label means: nothing there, or not annotated."
    )
    privacy: Literal["cloud-allowed", "local-only"] = Field(
        "cloud-allowed", description="Whether a document of this task may leave the machine."
    )
