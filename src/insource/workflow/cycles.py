"""The cycles of retraining, one file each: how far each is, what became of it, what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.foundation.files import locked, replace_text
from insource.types.retraining import Cycle
from insource.workflow.session import Session

FOLDER = "retraining"


def cycles(session: Session) -> tuple[Cycle, ...]:
    """Return every cycle of the project's task, the oldest first.

    Raises:
        IntegrityError: ``cycle-unreadable``.
    """
    task = session.config.task.name
    found = (_read(path) for path in sorted(_folder(session).glob("*.json")))
    return tuple(one for one in found if one.task == task)


def open_cycle(session: Session) -> Cycle | None:
    """Return the cycle that was begun and did not end, or None. Raises as ``cycles``."""
    return next((one for one in reversed(cycles(session)) if one.step != "done"), None)


def keep_cycle(session: Session, cycle: Cycle) -> Cycle:
    """Write how far a cycle is, as a whole."""
    folder = _folder(session)
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / f"{cycle.cycle_id}.json", cycle.model_dump_json(indent=1) + "\n")
    return cycle


@contextmanager
def one_at_a_time(session: Session) -> Iterator[None]:
    """Hold the task's cycles for this process.

    Raises:
        PrerequisiteError: ``run-in-progress``.
    """
    folder = _folder(session)
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    try:
        with locked(lock, wait=False):
            yield
    except BlockingIOError as error:
        raise PrerequisiteError(
            "run-in-progress",
            "Another process is retraining this task.",
            hint="Wait for it, or stop it and run the command again; completed work is kept.",
        ) from error


def _folder(session: Session) -> Path:
    return session.project.workspace / FOLDER


def _read(path: Path) -> Cycle:
    try:
        return Cycle.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, ValueError) as error:
        raise IntegrityError(
            "cycle-unreadable",
            f"{path} is not a cycle that this Insource can read: {type(error).__name__}.",
            hint=f"Delete it; its runs and datasets stay, and are read back: rm '{path}'",
        ) from error
