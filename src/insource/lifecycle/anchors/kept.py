"""The anchors of a task and the cloud's first answers to them, kept in one file of the workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from insource.foundation.errors import IntegrityError
from insource.foundation.files import locked, replace_text
from insource.types import Frozen
from insource.types.anchors import Anchor, FirstAnswer

SCHEMA_VERSION = 1
FOLDER = "anchors"


class AnchorSet(Frozen):
    """The anchors of a task in the order in which they were added."""

    schema_version: int = SCHEMA_VERSION
    anchors: tuple[Anchor, ...] = ()
    first: tuple[FirstAnswer, ...] = ()

    def first_of(self, anchor_id: str, model: str) -> str | None:
        """Return the first answer of a model of the cloud to an anchor, None before it was asked."""
        return next(
            (one.text for one in self.first if (one.anchor_id, one.model) == (anchor_id, model)), None
        )


def anchors_of(workspace: Path, task: str) -> AnchorSet:
    """Return the anchors of a task, none if there are none.

    Raises:
        IntegrityError: ``anchors-unreadable``, also for a file of another version.
    """
    path = _path(workspace, task)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return AnchorSet()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        found = AnchorSet.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(path, str(error.errors()[0]["msg"])) from error
    if found.schema_version != SCHEMA_VERSION:
        raise _unreadable(path, f"version {found.schema_version}; this Insource reads {SCHEMA_VERSION}")
    return found


def keep(workspace: Path, task: str, anchors: AnchorSet) -> None:
    """Replace the anchors of a task; a reader sees the old ones or the new ones."""
    path = _path(workspace, task)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_text(path, f"{anchors.model_dump_json(indent=1)}\n", mode=0o600)


@contextmanager
def alone(workspace: Path, task: str) -> Iterator[None]:
    """Hold the anchors of a task while the block asks or changes them.

    Raises:
        BlockingIOError: another process holds them.
    """
    path = _path(workspace, task)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock"), wait=False):
        yield


def _path(workspace: Path, task: str) -> Path:
    return workspace / FOLDER / f"{task}.json"


def _unreadable(path: Path, why: str) -> IntegrityError:
    return IntegrityError(
        "anchors-unreadable",
        f"The anchors in {path} cannot be read: {why}.",
        hint=f"Move the file away and add them again: mv '{path}' '{path}.damaged'; "
        "insource deploy anchors add FILE",
    )
