"""A session: one run of a command, with its project, its display and the stages so far."""

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
from insource.types import Arm, DatasetManifest, Estimate, Evaluation, StageRun
from insource.workflow.project import Project


class Display(Protocol):
    """Receives the progress of a session, and answers its questions.

    The command line implements it as a terminal, a test as a list.

    Examples:
        Implement the methods that matter; the others do nothing:

        >>> from insource import Display
        >>> class Notes(Display):
        ...     def __init__(self):
        ...         self.lines = []
        ...
        ...     def note(self, text):
        ...         self.lines.append(text)
        >>> display = Notes()
        >>> display.stage("train", "fine-tune the model")
        >>> display.note("Kept step 120 of 200")
        >>> display.lines
        ['Kept step 120 of 200']
    """

    def stage(self, name: str, about: str) -> None:
        """Show that a stage begins."""

    def note(self, text: str) -> None:
        """Show one line."""

    def progress(self, text: str, done: float, total: float) -> None:
        """Show how much of the stage is done."""

    def planned(self, recipe: Recipe) -> None:
        """Show the training recipe with the reason for each choice."""

    def dataset(self, manifest: DatasetManifest, folder: Path) -> None:
        """Show what the dataset in ``folder`` contains."""

    def evaluated(self, evaluation: Evaluation, metric: str) -> None:
        """Show an evaluation with its primary metric."""

    def expected(self, arm: Arm, figure: Estimate | None, metric: str) -> None:
        """Show what an arm is expected to reach on ``metric``, before any test document is looked at."""

    def confirm(self, question: str) -> bool:
        """Ask before money is spent. Return True to proceed."""


class Session:
    """The state of one run of a command.

    ``command`` is the command as typed, for the report. ``look_id`` identifies the session in the counter of
    looks at the test split. ``paid_arms`` has why each paid arm was asked no more, empty when it was asked
    about every document: nobody is asked twice for money in a session. ``cap_usd`` is the most that asking
    the cloud may be estimated to cost; None for no cap.

    Examples:
        >>> from pathlib import Path
        >>> from insource import Config, Display, Project, Session
        >>> class Silent(Display):
        ...     pass
        >>> project = Project(config=Config(), folder=Path("specs"))
        >>> session = Session(project, Silent(), "python train.py")
        >>> session.skip("cloud", "no model is configured")
        >>> session.skipped_arms
        {'cloud': 'no model is configured'}
    """

    def __init__(self, project: Project, display: Display, command: str, clock: Clock = SYSTEM) -> None:
        self.project = project
        self.display = display
        self.command = command
        self.clock = clock
        self.look_id = uuid7()
        self.started: datetime = clock.now()
        self.stages: list[StageRun] = []
        self.skipped_arms: dict[str, str] = {}
        self.paid_arms: dict[str, str] = {}
        self.cap_usd: float | None = None

    @property
    def config(self) -> Config:
        return self.project.config

    def anew(self, project: Project) -> Session:
        """Return a session for a walk of its own on this project, with nothing done yet."""
        other = Session(project, self.display, self.command, self.clock)
        other.cap_usd = self.cap_usd
        return other

    @contextmanager
    def recorder(self) -> Iterator[Recorder]:
        """Open the project's log with the redaction of ``[log]``. Raises the errors of ``Recorder.open``."""
        workspace = self.project.workspace
        redactor = Redactor.from_config(self.config.log, workspace)
        with Recorder.open(workspace, redactor=redactor) as recorder:
            yield recorder

    def begin(self, name: str, about: str) -> None:
        """Show that a stage begins."""
        self.display.stage(name, about)

    def done(self, run: Run, name: str | None = None) -> Run:
        """Record a finished stage, and show when it was skipped."""
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
            self.display.note(f"Skipped: {run.run_id} has the result of the same inputs")
        return run

    def skip(self, arm: str, reason: str) -> None:
        """Record why an arm, or a part of it, was not measured."""
        self.skipped_arms[arm] = reason
        self.display.note(f"{arm}: {reason}")

    def note_dataset(
        self, manifest: DatasetManifest, folder: Path, seconds: float, *, skipped: bool = False
    ) -> None:
        """Record the dataset. Its folder name contains the digest of its content. One read back says so."""
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
            self.display.note(f"Skipped: {folder.name} has the result of the same inputs")
        self.display.dataset(manifest, folder)

    def note_stage(self, name: str, started: float, digest_of: Any) -> None:
        """Record a stage without a run folder. ``started`` is a reading of ``time.monotonic``."""
        found = digest(digest_of)
        seconds = round(time.monotonic() - started, 3)
        self.stages.append(StageRun(stage=name, run_id=name, digest=found, seconds=seconds))
