"""Read several sources as one."""

from __future__ import annotations

from collections.abc import Iterator

from insource.dataset.rows.source import Source
from insource.types import Dropped, Row


class Joined:
    """The rows of one source after those of another; the first gives the name."""

    def __init__(self, *sources: Source) -> None:
        self.name = sources[0].name
        self._sources = sources

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(note for source in self._sources for note in source.notes)

    def __iter__(self) -> Iterator[Row | Dropped]:
        first, *others = self._sources
        yield from first
        for source in others:
            for item in source:
                if isinstance(item, Dropped):
                    item = item.model_copy(update={"detail": f"{source.name}: {item.detail}"})
                yield item
