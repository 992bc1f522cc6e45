"""Read records from any container: strict JSON Lines, CSV, JSON, Parquet, Arrow."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from insource.dataset.rows.records import BadRow
from insource.dataset.rows.source import unreadable
from insource.dataset.sources.columnar import columnar_records, is_columnar, opened_table
from insource.dataset.sources.json_lines import Found, has_an_object_a_line, json_lines
from insource.formats.arrow_records import WholeColumns
from insource.formats.containers import is_one_document, records
from insource.formats.csv_records import DETECTED, CsvDialect
from insource.formats.strict_json import strict_json
from insource.formats.values import BadRecord
from insource.foundation.errors import InsourceError, UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".gz")
LINES = (".jsonl", ".ndjson")

_HEAD_BYTES = 1 << 16
_MARKS = ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOT_UTF8 = "not UTF-8"
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_WORKBOOK = "a workbook or another archive, not a table; save it as CSV and name that file"


def read_records(
    path: Path,
    encoding: str = "",
    csv: CsvDialect = DETECTED,
    *,
    noted: Counter[str] | None = None,
    whole: frozenset[str] = frozenset(),
) -> Iterator[Found]:
    """Yield each record with its line (Parquet and Arrow: its row), or why it is none.

    Args:
        encoding: that of a text file when it is not UTF-8; a byte order mark says so itself.
        csv: how the cells of a CSV file are separated.
        noted: counts what was passed over or read as something else, in words.
        whole: columns of Parquet and Arrow whose floats are integers (``whole_columns``).

    Raises:
        DataError: ``rows-unreadable``.
        PrerequisiteError: ``missing-extra`` for Parquet and Arrow without pyarrow.
        UserError: ``unknown-encoding``.
    """
    noted = Counter() if noted is None else noted
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        marked = (name for mark, name in _MARKS if head.startswith(mark))
        encoding = known_encoding(encoding) or next(marked, "")
        if head.startswith((_ZIP, _OLE)):
            yield 1, BadRow("unreadable-record", _WORKBOOK)
        elif is_columnar(path, head):
            yield from columnar_records(path, noted, whole)
        elif not encoding and is_json_lines(path, head):
            yield from json_lines(path, noted)
        else:
            with _recoded(path, encoding) if encoding else path.open("rb") as file:
                told = csv != DETECTED or is_csv(path)
                yield from _others(file, encoding, csv if told else None, noted)
    except OSError as error:
        raise unreadable(path, error) from error


def whole_columns(paths: Iterable[Path]) -> frozenset[str]:
    """Return the columns of integers that pandas kept as floats, over all files of a source.

    What cannot be read is looked at no further; reading its records reports it.
    """
    found = WholeColumns()
    for path in paths:
        try:
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
            if is_columnar(path, head):
                with opened_table(path, only_floats=True) as table:
                    found.look(table.batches)
        except (OSError, BadRow, InsourceError):
            continue
    return found.names


def is_json_lines(path: Path, head: bytes) -> bool:
    """By its name unless it begins as one JSON document, else by a first line that is an object."""
    head, suffix = head.removeprefix(codecs.BOM_UTF8), path.suffix.lower()
    if suffix in LINES:
        return not is_one_document(head) or has_an_object_a_line(head)
    return suffix not in SUFFIXES and head.lstrip().startswith(b"{") and not is_one_document(head)


def is_csv(path: Path) -> bool:
    """By its name, gzipped or not."""
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def _others(file: BinaryIO, encoding: str, csv: CsvDialect | None, noted: Counter[str]) -> Iterator[Found]:
    for line, record in records(file, _strict, csv, noted):
        yield line, _bad(str(record), encoding) if isinstance(record, BadRecord) else record


def _strict(data: bytes) -> Any:
    try:
        return strict_json(data.decode())
    except UnicodeDecodeError as error:
        raise BadRecord(f"not UTF-8 at byte {error.start + 1}") from error
    except ValueError as error:
        raise BadRecord(f"not JSON: {error}") from error


def _bad(problem: str, encoding: str) -> BadRow:
    if _NOT_UTF8 in problem:
        known = "" if encoding else "; name the file's encoding in `[dataset] encoding`"
        return BadRow("bad-utf8", f"{problem}{known}")
    if problem.startswith("not CSV") or "the header has" in problem:
        return BadRow("invalid-csv", f"{problem}; `[dataset] delimiter` and `quote` say how it is written")
    if "same name" in problem:
        return BadRow("invalid-csv", problem)
    if "JSON" in problem:
        return BadRow("invalid-json", problem)
    return BadRow("unreadable-record", problem)


def known_encoding(encoding: str) -> str:
    """Python's name of an encoding; empty stays empty.

    Raises:
        UserError: ``unknown-encoding``.
    """
    try:
        "".encode(encoding or "utf-8")  # refuses codecs that are not of text, such as base64
        return codecs.lookup(encoding).name if encoding else ""
    except (LookupError, ValueError) as error:
        raise UserError(
            "unknown-encoding",
            f"There is no encoding {encoding!r}.",
            hint="Correct `[dataset] encoding`; common ones are utf-8, cp1252, latin-1, utf-16.",
        ) from error


class _Recoded(io.RawIOBase):
    """A text file of another encoding as UTF-8 bytes; what does not decode is no UTF-8 either."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._text = path.open(encoding=encoding, errors="surrogateescape", newline="")
        self._left = b""
        self._position = 0

    def close(self) -> None:
        self._text.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forward by reading, backward by starting again."""
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if target < self._position:
            self._text.seek(0)
            self._left, self._position = b"", 0
        while self._position < target and self.read(target - self._position):
            pass
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        self._left = self._left or self._text.read(_HEAD_BYTES).encode("utf-8", "surrogateescape")
        size = min(len(view), len(self._left))
        view[:size], self._left = self._left[:size], self._left[size:]
        self._position += size
        return size


def _recoded(path: Path, encoding: str) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Recoded(path, encoding)))
