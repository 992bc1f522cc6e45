"""Read a UTF-8 JSON Lines file with Insource's own keys (``records.KEYS``), one object a line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from insource.dataset.rows.records import KEYS, BadRow, noted_sentences, row_id_of, row_of, unknown_keys_note
from insource.dataset.rows.source import unreadable
from insource.formats.strict_json import kind_of, strict_json
from insource.types import Dropped, Row

Found = tuple[int, dict[str, Any] | BadRow]

COMMAS = "Lines read without the comma that they end in"


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
        self._noted: Counter[str] = Counter()

    @property
    def notes(self) -> tuple[str, ...]:
        return (*unknown_keys_note(self._unknown), *noted_sentences(self._noted))

    def __iter__(self) -> Iterator[Row | Dropped]:
        self._unknown.clear()
        self._noted.clear()
        for line, record in json_lines(self._path, self._noted):
            row_id = f"line-{line}"
            try:
                if isinstance(record, BadRow):
                    raise record
                row_id = row_id_of(record, line)
                self._unknown.update(key for key in record if key not in KEYS)
                yield row_of(record, line=line, source=self.name, schemas=self._schemas)
            except BadRow as bad:
                yield Dropped(row_id=row_id, line=line, reason=bad.reason, detail=bad.detail)


def json_lines(path: Path, noted: Counter[str]) -> Iterator[Found]:
    """Yield each line that is not blank with its number, as the object it spells or why it is none.

    A comma at the end of a line, as in the middle of a JSON list, is left out and counted in ``noted``.

    Raises:
        DataError: ``rows-unreadable``.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                content = (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).strip()
                if content.endswith(b"},"):
                    content = content[:-1]
                    noted[COMMAS] += 1
                if content:
                    yield number, _record(content)
    except OSError as error:
        raise unreadable(path, error) from error


def has_an_object_a_line(head: bytes) -> bool:
    """Return whether a file that begins as one document is JSON Lines: only its first line is none, or torn.

    A document over several lines is indented, or begins with a bracket alone.
    """
    lines = [line.rstrip().removesuffix(b",") for line in head.split(b"\n") if line.strip()]
    first = lines[0].lstrip()
    if first.endswith((b"{", b"[")):
        return False
    if first.startswith(b"["):
        return _is_a(list, first) and any(_is_a(dict, line) for line in lines[1:])
    return any(line.startswith(b"{") and _is_a(dict, line) for line in (first, *lines[1:]))


def _is_a(kind: type, line: bytes) -> bool:
    try:
        return isinstance(strict_json(line.decode()), kind)
    except ValueError:
        return False


def _record(raw: bytes) -> dict[str, Any] | BadRow:
    try:
        record = strict_json(raw.decode())
    except UnicodeDecodeError as error:
        return BadRow("bad-utf8", f"byte {error.start + 1} of the line is not UTF-8")
    except ValueError as error:
        return BadRow("invalid-json", f"{error}{_likely_cause(raw, str(error))}")
    if not isinstance(record, dict):
        return BadRow("not-an-object", f"the line is {kind_of(record)}, not an object")
    return record


def _likely_cause(raw: bytes, problem: str) -> str:
    """Return what may have gone wrong where the line was written, and what mends it; empty when unknown."""
    if re.match(rb"\{\s*'", raw):
        return "; it looks like a Python dict: write each line with json.dumps(record)"
    if "is not JSON" in problem:
        return "; write null instead"
    if problem.startswith("Extra data") and raw.endswith(b"}"):
        return "; there are two objects on the line: write one a line with jq -c . FILE"
    if raw in (b"[", b"]", b"{", b"}", b"},"):
        each = "." if raw == b"{" else "'.[]'"
        return f"; it looks like JSON over several lines: write one object a line with jq -c {each} FILE"
    return ""
