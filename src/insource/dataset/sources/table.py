"""Read files of records, one row a record, from one file or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from insource.dataset.rows.provenance_file import with_provenance
from insource.dataset.rows.records import BadRow, noted_sentences, row_id_of, row_of, unknown_keys_note
from insource.dataset.sources.containers import read_records, whole_columns
from insource.dataset.sources.record_shapes import Shape
from insource.formats.csv_records import DETECTED, CsvDialect
from insource.foundation.errors import DataError
from insource.types import Dropped, Row, Split


class TableFile(NamedTuple):
    """A file, how it is called in messages, and the split its name says it is."""

    path: Path
    name: str
    split: Split | None = None


class TableSource:
    """The rows of some files in their order. Of several, rows are named ``file:line`` unless they have an id.

    Raises, when read:
        The errors of ``read_records`` and ``with_provenance``.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[TableFile],
        shape: Shape,
        *,
        schemas: Mapping[str, dict[str, Any]] | None = None,
        encoding: str = "",
        csv: CsvDialect = DETECTED,
        vouched: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self._files = files
        self._shape = shape
        self._schemas = schemas
        self._encoding = encoding
        self._csv = csv
        self._vouched = vouched
        self._unknown: Counter[str] = Counter()
        self._noted: Counter[str] = Counter()

    @property
    def notes(self) -> tuple[str, ...]:
        return (*unknown_keys_note(self._unknown), *noted_sentences(self._noted))

    def __iter__(self) -> Iterator[Row | Dropped]:
        self._unknown.clear()
        self._noted.clear()
        whole = whole_columns(file.path for file in self._files)
        for file in self._files:
            records = read_records(file.path, self._encoding, self._csv, noted=self._noted, whole=whole)
            try:
                for line, found in with_provenance(file.path, records):
                    yield self._item(file, line, found)
            except DataError as error:
                if len(self._files) == 1 or error.code != "rows-unreadable":
                    raise
                yield Dropped(row_id=file.name, line=None, reason="unreadable-path", detail=error.message)

    def _item(self, file: TableFile, line: int, found: dict[str, Any] | BadRow) -> Row | Dropped:
        several = len(self._files) > 1
        row_id = f"{file.name}:{line}" if several else f"line-{line}"
        try:
            if isinstance(found, BadRow):
                raise found
            self._unknown.update(key for key in found if key not in self._shape.known)
            record = self._shape.convert(found)
            if several and record.get("id") is None:
                record = {**record, "id": row_id}
            if file.split and record.get("split") is None:
                record = {**record, "split": file.split}
            row_id = row_id_of(record, line)
            return row_of(record, line=line, source=file.name, schemas=self._schemas, vouched=self._vouched)
        except BadRow as bad:
            where = f"{file.name}: " if several else ""
            return Dropped(row_id=row_id, line=line, reason=bad.reason, detail=f"{where}{bad.detail}")
