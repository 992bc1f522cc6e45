"""A project on disk: its configuration, its folder and its workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from insource.config.loading import LoadedConfig
from insource.config.sections import Config
from insource.contract.reasoning_field import output_of
from insource.dataset.fresh import FILE_NAME as FRESH_FILE
from insource.evaluation.scorers import compared
from insource.evaluation.scoring.custom import custom_scorer
from insource.foundation.errors import ConfigError, UserError
from insource.matching.declared import check_declared
from insource.runs.folders import RunStore
from insource.types import Frozen, Labels, OutputSpec, Task


class Project(Frozen):
    """A configuration and the folder that its paths are relative to.

    Examples:
        >>> from pathlib import Path
        >>> from insource import Config, Project
        >>> project = Project(config=Config(task={"name": "specs"}), folder=Path("specs"))
        >>> project.title, project.rows_path.as_posix()
        ('specs', 'specs/data.jsonl')
    """

    config: Config
    folder: Path

    @classmethod
    def of(cls, loaded: LoadedConfig) -> Project:
        """Return the project of a loaded configuration."""
        return cls(config=loaded.config, folder=loaded.folder)

    @property
    def workspace(self) -> Path:
        """The folder for the log, datasets, runs and models."""
        return self.folder / self.config.project.workspace

    @property
    def runs(self) -> RunStore:
        """The run folders in the workspace."""
        return RunStore(self.workspace)

    @property
    def rows_path(self) -> Path:
        """The file or folder with the rows."""
        return self.folder / self.config.dataset.path

    @property
    def fixes_path(self) -> Path:
        """The file with the decisions on fixes."""
        return self.folder / self.config.dataset.fixes

    @property
    def reviews_path(self) -> Path:
        """The file with the reviewers' decisions."""
        return self.folder / self.config.dataset.reviews

    @property
    def policy_path(self) -> Path:
        """The file with the teacher policy."""
        return self.folder / self.config.dataset.policy

    @property
    def synthetic_path(self) -> Path:
        """The file with the synthetic rows."""
        return self.folder / self.config.dataset.synthetic

    @property
    def fresh_path(self) -> Path:
        """The file with the rows that live traffic gave, which `insource retrain` writes."""
        return self.workspace / FRESH_FILE

    @property
    def datasets_path(self) -> Path:
        """Where the datasets are, each in a folder named by its content."""
        return self.workspace / "datasets"

    @property
    def builds_path(self) -> Path:
        """Where it is kept which build gave which dataset."""
        return self.workspace / "builds"

    @property
    def splits_path(self) -> Path:
        """The folder with the stored splits of the task."""
        return self.workspace / "splits" / self.config.task.name

    @property
    def title(self) -> str:
        """The title of the report, which defaults to the name of the task."""
        return self.config.project.title or self.config.task.name

    def given_output(self) -> OutputSpec | None:
        """Return the configured output contract, or None when it must be inferred from the data.

        Raises:
            ConfigError: ``config-invalid`` when both a schema and labels are given; ``unknown-comparator``;
                ``reasoning-misplaced``.
            UserError: ``schema-unreadable``.
        """
        section = self.config.task
        if section.schema_path and section.labels:
            raise ConfigError(
                "config-invalid",
                "Both task.schema and task.labels are set. A task has one output contract.",
                hint="Remove one of the two keys.",
            )
        if section.labels:
            return Labels(names=section.labels)
        if section.schema_path:
            schema = self._read_json(section.schema_path, "task.schema")
            output = output_of(schema)
            check_declared(output.definition)
            return output
        return None

    def schemas(self) -> dict[str, dict[str, Any]] | None:
        """Return the named JSON Schemas that rows refer to, or None.

        Raises:
            UserError: ``schema-unreadable``.
            ConfigError: ``unknown-comparator``.
        """
        path = self.config.task.schemas_path
        schemas = self._read_json(path, "task.schemas") if path else None
        for schema in (schemas or {}).values():
            check_declared(schema)
        return schemas

    def task(self, output: OutputSpec) -> Task:
        """Return the task with this output contract.

        Raises:
            ConfigError: ``unknown-comparator``, ``scorer-unusable``, or ``config-invalid`` when
                ``out_of_scope`` is none of the labels.
        """
        section = self.config.task
        default = "accuracy" if isinstance(output, Labels) else "field_accuracy"
        task = Task(
            name=section.name,
            instruction=section.instruction,
            output=output,
            primary_metric=section.primary_metric or default,
            margin=section.margin,
            absent_fields=section.absent_fields,
            privacy=section.privacy,
            comparators=section.comparators,
            abstain_with=section.abstain_with,
            out_of_scope=section.out_of_scope,
            style=section.style,
            scorer=self._scorer(section.scorer),
        )
        _check(task)
        return task

    def _scorer(self, said: str) -> str:
        """Return the scorer with the path of its file, if it is in one, beside insource.toml."""
        file, separator, function = said.rpartition(":")
        return f"{self.folder / file}{separator}{function}" if file.endswith(".py") else said

    def _read_json(self, name: str, key: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(
                "schema-unreadable",
                f"The file {path}, named by {key}, cannot be read as JSON: {error}",
                hint=f"Fix the file or the path in {key}.",
            ) from error
        if not isinstance(value, dict):
            raise UserError(
                "schema-unreadable",
                f"The file {path}, named by {key}, does not contain a JSON object.",
                hint="Write a JSON Schema, or an object of named JSON Schemas, to the file.",
            )
        return value


def on_base(project: Project, base: str) -> Project:
    """Return the project as if its configuration named this base model."""
    training = project.config.training.model_copy(update={"model": base})
    return project.model_copy(update={"config": project.config.model_copy(update={"training": training})})


def _check(task: Task) -> None:
    """Refuse what scoring would refuse, before anything is trained or asked."""
    compared(task)
    if task.scorer:
        custom_scorer(task.scorer)
    if task.out_of_scope and isinstance(task.output, Labels) and task.out_of_scope not in task.output.names:
        raise ConfigError(
            "config-invalid",
            f"task.out_of_scope is {task.out_of_scope!r}, which is none of the labels.",
            hint="Name one of the labels of the task, or remove the key.",
        )
