"""A UTF-8 JSON Lines file of Insource's own keys (``records.KEYS``), one object a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from insource.dataset.records import KEYS, BadRow, kind_of, row_id_of, row_of, strict_json, unknown_keys_note
from insource.errors import DataError
from insource.types import Dropped, Row


class JsonLines:
    """The rows of one file. Blank lines are not rows.

    Raises, when read:
        DataError: ``rows-unreadable`` when the file cannot be opened.
    """

    def __init__(self, path: Path, schemas: Mapping[str, dict[str, Any]] | None = None) -> None:
        self.name = path.name
        self._path = path
        self._schemas = schemas
        self._unknown: Counter[str] = Counter()

    @property
    def notes(self) -> tuple[str, ...]:
        return unknown_keys_note(self._unknown)

    def __iter__(self) -> Iterator[Row | Dropped]:
        self._unknown.clear()
        for line, raw in _lines(self._path):
            row_id = f"line-{line}"
            try:
                record = _record(raw)
                row_id = row_id_of(record, line)
                self._unknown.update(key for key in record if key not in KEYS)
                yield row_of(record, line=line, source=self.name, schemas=self._schemas)
            except BadRow as bad:
                yield Dropped(row_id=row_id, line=line, reason=bad.reason, detail=bad.detail)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                content = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip()
                if content:
                    yield number, content
    except OSError as error:
        raise DataError(
            "rows-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            hint="Check the path that `[dataset] path` names in insource.toml.",
        ) from error


def _record(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadRow("bad-utf8", f"byte {error.start + 1} of the line is not UTF-8") from error
    try:
        record = strict_json(text)
    except ValueError as error:
        raise BadRow("invalid-json", str(error)) from error
    if not isinstance(record, dict):
        raise BadRow("not-an-object", f"the line is {kind_of(record)}, not an object")
    return record
