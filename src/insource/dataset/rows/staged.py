"""Keep rows on disk while they are checked, fixed and split, so that they need not fit in memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from insource.dataset.rows.scratch import scratch_folder, unwritable
from insource.dataset.rows.source import Source
from insource.foundation.errors import DataError
from insource.types import Dropped, FunnelStep, Provenance, Row

Transform = Callable[[int, Row], Row | Dropped]


class Staged:
    """The rows of a source so far. ``read == len(self) + len(dropped)`` holds at every step.

    ``funnel`` has a line for the source and one for each transformation since. ``folder`` is gone when the
    work is done.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()
        self.dropped: list[Dropped] = []
        self.funnel: list[FunnelStep] = []
        self.folder = folder
        self._path = folder / "rows-0.jsonl"
        self._offsets = array("q")

    @property
    def read(self) -> int:
        """Rows and drops of the source."""
        return len(self) + len(self.dropped)

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Row]:
        if self._offsets:
            with self._path.open("rb") as file:
                yield from map(Row.model_validate_json, file)

    def __getitem__(self, index: int) -> Row:
        """Return the row at this place, counted from 0."""
        with self._path.open("rb") as file:
            file.seek(self._offsets[index])
            return Row.model_validate_json(file.readline())

    def transform(self, step: str, change: Transform) -> FunnelStep:
        """Put every row through ``change``, which gives the row back, another one, or why it is dropped."""
        path = self._path.with_name(f"rows-{len(self.funnel)}.jsonl")
        rows_in, changed, offsets = len(self), 0, array("q")
        dropped: list[Dropped] = []
        with path.open("wb") as file:
            for index, row in enumerate(self):
                result = change(index, row)
                if isinstance(result, Dropped):
                    dropped.append(result)
                    continue
                changed += result != row
                _append(file, result, offsets)
        self._path.unlink()
        self._path, self._offsets = path, offsets
        self.dropped += dropped
        self.funnel.append(
            FunnelStep(
                step=step, rows_in=rows_in, dropped=len(dropped), changed=changed, rows_out=len(offsets)
            )
        )
        return self.funnel[-1]

    def copy(self, folder: Path, change: Callable[[Row], Row] = lambda row: row) -> Staged:
        """Return the rows, each put through ``change``, in a file of their own in the new ``folder``.

        These rows stay as they are. No step is counted: the copy has the same drops, funnel and notes.
        """
        folder.mkdir()
        found = Staged(self.name, folder)
        found.notes, found.dropped, found.funnel = self.notes, list(self.dropped), list(self.funnel)
        found._path = folder / f"rows-{len(found.funnel) - 1}.jsonl"
        with found._path.open("wb") as file:
            for row in self:
                _append(file, change(row), found._offsets)
        return found

    def fill(self, source: Source) -> None:
        """Read the source into the file; an id that came before is dropped."""
        taken: dict[bytes, int] = {}
        with self._path.open("wb") as file:
            for item in source:
                if isinstance(item, Row):
                    key = blake2b(item.row_id.encode(), digest_size=8).digest()
                    if key in taken:
                        file.flush()
                        item = _duplicate(item, self[taken[key]].provenance)
                    else:
                        taken[key] = len(self)
                        _append(file, item, self._offsets)
                        continue
                self.dropped.append(item)
        self.notes = source.notes
        self.funnel.append(
            FunnelStep(
                step="source", rows_in=self.read, dropped=len(self.dropped), changed=0, rows_out=len(self)
            )
        )


@contextmanager
def staged(source: Source, parent: Path) -> Iterator[Staged]:
    """Open the rows of a source in a file of their own under ``parent``, which is gone after the block.

    Raises:
        DataError: the source's own, ``no-rows`` when it has none, ``dataset-not-written``.
    """
    with scratch_folder(parent) as folder:
        rows = Staged(source.name, folder)
        rows.fill(source)
        if not rows.read:
            raise DataError(
                "no-rows", f"{source.name} has no rows.", hint="Give rows with `input` and `output`."
            )
        yield rows


def _append(file: BinaryIO, row: Row, offsets: array[int]) -> None:
    offsets.append(file.tell())
    try:
        file.write(row.model_dump_json(exclude_defaults=True).encode() + b"\n")
    except OSError as error:
        raise unwritable(Path(file.name).parent, error) from error


def _duplicate(row: Row, first: Provenance) -> Dropped:
    elsewhere = first.source != row.provenance.source
    here, there = (f"{row.provenance.source}: ", f" in {first.source}") if elsewhere else ("", "")
    line = "" if first.line is None else f" on line {first.line}"
    detail = f"{here}the id {row.row_id!r} is already taken{there}{line}"
    return Dropped(row_id=row.row_id, line=row.line, reason="duplicate-id", detail=detail)
