"""Define a source: it has a name and can be read again, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from insource.foundation.errors import DataError
from insource.types import Dropped, Row

LEFT_OUT = frozenset(
    {
        "answered-here",
        "call-failed",
        "conversation",
        "interrupted",
        "no-answer",
        "no-input",
        "not-generation",
        "not-text",
        "rated-down",
        "simulated",
        "teacher-not-allowed",
        "tool-calls",
        "weight-zero",
    }
)
"""Reasons that are no fault of the data: such rows are counted and left out, and never stop a build."""


class Source(Protocol):
    """Rows that can be read again; nothing of it is held in memory.

    ``name`` is shown and kept in the manifest. ``notes`` says what was passed over, after a reading.
    """

    @property
    def name(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[Row | Dropped]: ...


def unreadable(path: Path, error: OSError) -> DataError:
    """Return what is said when a source's file or folder cannot be opened."""
    return DataError(
        "rows-unreadable",
        f"{path} cannot be read: {error.strerror or error}.",
        hint="Check the path that `[dataset] path` names in insource.toml.",
    )
