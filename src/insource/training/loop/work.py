"""What one run computes, and to whom it reports: values that go to the processes of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from insource.models.catalogue import BaseModel
from insource.training.recipe import Choice, Recipe
from insource.training.tokenize import TrainingRow
from insource.types import TrainingPoint


class Work(NamedTuple):
    """One run. ``newest`` is the checkpoint that it resumes, None at the beginning."""

    base: BaseModel
    recipe: Recipe
    train: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    pad_id: int
    folder: Path
    newest: Path | None


class Reports(NamedTuple):
    """Callbacks of a run: a point of its curve, a checkpoint that was written, a choice in words.

    ``after`` returns whether training stops at that checkpoint.
    """

    record: Callable[[TrainingPoint], None]
    after: Callable[[Path], bool]
    note: Callable[[str], None]


class Computed(NamedTuple):
    """How steps were computed, and the peak memory of one process (bytes)."""

    speed: tuple[Choice, ...]
    peak_memory_bytes: int
