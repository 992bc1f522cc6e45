"""What every source is: named, read as often as asked, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from insource.types import Dropped, Row


class Source(Protocol):
    """Rows that can be read again; nothing of it is held in memory.

    ``name`` is shown and kept in the manifest. ``notes`` says what was passed over, after a reading.
    """

    @property
    def name(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[Row | Dropped]: ...
