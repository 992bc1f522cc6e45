"""One walk through the loop: the project, its display, and the stages so far."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from insource.config.sections import Config
from insource.foundation.canonical import digest
from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.ids import uuid7
from insource.logs.recorder import Recorder
from insource.redaction import Redactor
from insource.runs.folders import Run
from insource.training.recipe import Recipe
from insource.types import DatasetManifest, Evaluation, StageRun
from insource.workflow.project import Project


class Display(Protocol):
    """Who is told: the command line's terminal, or a test."""

    def stage(self, name: str, about: str) -> None: ...

    def note(self, text: str) -> None: ...

    def progress(self, text: str, done: float, total: float) -> None: ...

    def planned(self, recipe: Recipe) -> None: ...

    def dataset(self, manifest: DatasetManifest, folder: Path) -> None: ...

    def evaluated(self, evaluation: Evaluation, metric: str) -> None: ...

    def confirm(self, question: str) -> bool: ...


class Session:
    """The state of one walk. ``look_id`` identifies it in the counter of looks at the test split."""

    def __init__(self, project: Project, display: Display, command: str, clock: Clock = SYSTEM) -> None:
        self.project = project
        self.display = display
        self.command = command
        self.clock = clock
        self.look_id = uuid7()
        self.started: datetime = clock.now()
        self.stages: list[StageRun] = []
        self.skipped_arms: dict[str, str] = {}

    @property
    def config(self) -> Config:
        return self.project.config

    @contextmanager
    def recorder(self) -> Iterator[Recorder]:
        """The project's log, redacting as its ``[log]`` says; errors as ``Recorder.open``."""
        workspace = self.project.workspace
        redactor = Redactor.from_config(self.config.log, workspace)
        with Recorder.open(workspace, redactor=redactor) as recorder:
            yield recorder

    def begin(self, name: str, about: str) -> None:
        self.display.stage(name, about)

    def done(self, run: Run, name: str | None = None) -> Run:
        """Note a finished stage; one that was read back says so."""
        self.stages.append(
            StageRun(
                stage=name or run.stage,
                run_id=run.run_id,
                digest=run.digest,
                seconds=run.seconds,
                skipped=run.skipped,
                path=run.path.name,
            )
        )
        if run.skipped:
            self.display.note(f"Already done in {run.run_id}, and nothing changed since")
        return run

    def skip(self, arm: str, reason: str) -> None:
        """Note why an arm, or a part of it, was not measured."""
        self.skipped_arms[arm] = reason
        self.display.note(f"{arm}: {reason}")

    def note_dataset(
        self, manifest: DatasetManifest, folder: Path, seconds: float, *, skipped: bool = False
    ) -> None:
        """Note the dataset, whose folder is named by its content; one that was read back says so."""
        self.stages.append(
            StageRun(
                stage="dataset",
                run_id=folder.name,
                digest=manifest.digest,
                seconds=round(seconds, 3),
                skipped=skipped,
                path=folder.name,
            )
        )
        if skipped:
            self.display.note(f"Already done in {folder.name}, and nothing changed since")
        self.display.dataset(manifest, folder)

    def note_stage(self, name: str, started: float, digest_of: Any) -> None:
        """Note a stage that keeps nothing of its own; ``started`` is on the monotonic clock."""
        found = digest(digest_of)
        seconds = round(time.monotonic() - started, 3)
        self.stages.append(StageRun(stage=name, run_id=name, digest=found, seconds=seconds))
