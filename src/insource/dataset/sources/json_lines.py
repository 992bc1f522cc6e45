"""Read a UTF-8 JSON Lines file with Insource's own keys (``records.KEYS``), one object a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from insource.dataset.rows.records import KEYS, BadRow, row_id_of, row_of, unknown_keys_note
from insource.dataset.rows.source import unreadable
from insource.formats.strict_json import kind_of, strict_json
from insource.types import Dropped, Row

Found = tuple[int, dict[str, Any] | BadRow]


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
        for line, record in json_lines(self._path):
            row_id = f"line-{line}"
            try:
                if isinstance(record, BadRow):
                    raise record
                row_id = row_id_of(record, line)
                self._unknown.update(key for key in record if key not in KEYS)
                yield row_of(record, line=line, source=self.name, schemas=self._schemas)
            except BadRow as bad:
                yield Dropped(row_id=row_id, line=line, reason=bad.reason, detail=bad.detail)


def json_lines(path: Path) -> Iterator[Found]:
    """Yield each line that is not blank with its number, as the object it spells or why it is none.

    Raises:
        DataError: ``rows-unreadable``.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                content = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip()
                if content:
                    yield number, _record(content)
    except OSError as error:
        raise unreadable(path, error) from error


def _record(raw: bytes) -> dict[str, Any] | BadRow:
    try:
        record = strict_json(raw.decode())
    except UnicodeDecodeError as error:
        return BadRow("bad-utf8", f"byte {error.start + 1} of the line is not UTF-8")
    except ValueError as error:
        return BadRow("invalid-json", str(error))
    if not isinstance(record, dict):
        return BadRow("not-an-object", f"the line is {kind_of(record)}, not an object")
    return record
