"""The sections ``[project]`` and ``[task]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen
from insource.types.task import AbsentFields

Metric = Literal["field_accuracy", "exact_match", "accuracy"]


class ProjectSection(Frozen):
    """``[project]``: title, seed and workspace."""

    title: str = Field("", description="Title of the report; when empty, the name of the task.")
    seed: int = Field(0, ge=0, description="Seed of every random stream.")
    workspace: str = Field(".insource", description="Folder for the log, datasets, runs and models.")


class TaskSection(Frozen):
    """``[task]``: the task and its output contract."""

    name: str = Field(
        "task", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Short name of the task, used in file names."
    )
    instruction: str = Field(
        "Extract the requested fields as JSON.",
        description="System message. Keep it short: the tuned model learns the rest.",
    )
    schema_path: str = Field("", alias="schema", description="File with the JSON Schema of an answer.")
    schemas_path: str = Field(
        "", alias="schemas", description="File with named JSON Schemas, for rows that name their schema."
    )
    labels: tuple[str, ...] = Field((), description="The labels of a classification task.")
    primary_metric: Metric | None = Field(
        None, description="Metric of the verdict; when empty, field_accuracy, or accuracy for labels."
    )
    margin: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="Largest loss on the primary metric that still counts as not worse (ratio).",
    )
    absent_fields: AbsentFields = Field(
        "null",
        description="Meaning of a field missing from a label: no value (`null`), or not annotated "
        "(`unscored`).",
    )
    privacy: Literal["cloud-allowed", "local-only"] = Field(
        "cloud-allowed", description="Whether a document of this task may leave the machine."
    )
    out_of_scope: str = Field("", description="The label of documents that belong to none of the others.")
