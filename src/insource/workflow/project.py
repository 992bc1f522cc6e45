"""A project on disk: its configuration, the folder its paths start from, and its workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from insource.config.loading import LoadedConfig
from insource.config.sections import Config
from insource.foundation.errors import ConfigError, UserError
from insource.runs.folders import RunStore
from insource.types import Frozen, JsonSchema, Labels, OutputSpec, Task


class Project(Frozen):
    """What every verb of the command line starts from."""

    config: Config
    folder: Path

    @classmethod
    def of(cls, loaded: LoadedConfig) -> Project:
        return cls(config=loaded.config, folder=loaded.folder)

    @property
    def workspace(self) -> Path:
        return self.folder / self.config.project.workspace

    @property
    def runs(self) -> RunStore:
        return RunStore(self.workspace)

    @property
    def rows_path(self) -> Path:
        return self.folder / self.config.dataset.path

    @property
    def fixes_path(self) -> Path:
        return self.folder / self.config.dataset.fixes

    @property
    def reviews_path(self) -> Path:
        return self.folder / self.config.dataset.reviews

    @property
    def policy_path(self) -> Path:
        return self.folder / self.config.dataset.policy

    @property
    def synthetic_path(self) -> Path:
        return self.folder / self.config.dataset.synthetic

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
        """Where the splits of this task are stored."""
        return self.workspace / "splits" / self.config.task.name

    @property
    def title(self) -> str:
        return self.config.project.title or self.config.task.name

    def given_output(self) -> OutputSpec | None:
        """The output contract the configuration states, or None when it is to be inferred.

        Raises:
            ConfigError: ``config-invalid`` when both a schema and labels are given.
            UserError: ``schema-unreadable``.
        """
        section = self.config.task
        if section.schema_path and section.labels:
            raise ConfigError(
                "config-invalid",
                "Both task.schema and task.labels are set; a task has one kind of answer.",
                hint="Remove one of them.",
            )
        if section.labels:
            return Labels(names=section.labels)
        if section.schema_path:
            return JsonSchema(definition=self._read_json(section.schema_path, "task.schema"))
        return None

    def schemas(self) -> dict[str, dict[str, Any]] | None:
        """The named schemas that rows may refer to, or None.

        Raises:
            UserError: ``schema-unreadable``.
        """
        path = self.config.task.schemas_path
        return self._read_json(path, "task.schemas") if path else None

    def task(self, output: OutputSpec) -> Task:
        """The task with its output contract, given or inferred."""
        section = self.config.task
        default = "accuracy" if isinstance(output, Labels) else "field_accuracy"
        return Task(
            name=section.name,
            instruction=section.instruction,
            output=output,
            primary_metric=section.primary_metric or default,
            margin=section.margin,
            absent_fields=section.absent_fields,
            privacy=section.privacy,
        )

    def _read_json(self, name: str, key: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(
                "schema-unreadable",
                f"The file {path}, named by {key}, cannot be read as JSON: {error}",
                hint=f"Correct the file or the path in {key}.",
            ) from error
        if not isinstance(value, dict):
            raise UserError(
                "schema-unreadable",
                f"The file {path}, named by {key}, holds no JSON object.",
                hint="A JSON Schema is an object; so is a file of named schemas.",
            )
        return value
