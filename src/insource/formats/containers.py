"""Read records from a file: JSON Lines, one JSON document, CSV or Parquet, plain or gzipped.

Reading is streamed: one record is in memory at a time, up to 64 MB. A record that cannot be read is returned
as a ``BadRecord`` at its position.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, cast

from insource.formats.gzipped import MAGIC, Gunzip
from insource.formats.json_document import Piece, pieces
from insource.formats.values import BadRecord, parse_json
from insource.foundation.errors import missing_extra

MAX_RECORD_BYTES = 64 << 20

_HEAD_BYTES = 1 << 16
_BOM = b"\xef\xbb\xbf"
# The keys that can accompany ``data`` in a response page of a list endpoint.
_PAGE_KEYS = {"data", "meta", "object", "first_id", "last_id", "has_more", "error", "pagination", "total"}

Found = tuple[int, dict[str, Any] | BadRecord]
Parse = Callable[[bytes], Any]


def records(file: BinaryIO, parse: Parse = parse_json) -> Iterator[Found]:
    """Yield each record, or the reason why it is unreadable, with its first line (Parquet: its row), in file
    order.

    ``parse`` reads the JSON of one record or raises ``BadRecord``.

    Raises:
        PrerequisiteError: ``missing-extra`` for a Parquet file without pyarrow.
    """
    packed = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    if not packed:
        yield from _contained(file, parse)
        return
    unpacked, line = Gunzip(file), 0
    for line, record in _contained(cast(BinaryIO, io.BufferedReader(unpacked)), parse):
        yield line, record
    if unpacked.failure:
        yield line + 1, BadRecord(f"the compressed file is damaged or cut short: {unpacked.failure}")


def _contained(file: BinaryIO, parse: Parse) -> Iterator[Found]:
    head = file.read(_HEAD_BYTES)
    start = len(_BOM) if head.startswith(_BOM) else 0
    file.seek(start)
    head = head[start:]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield 1, BadRecord("the file is UTF-16; convert it: iconv -f utf-16 -t utf-8")
    elif head.startswith(b"PAR1"):
        yield from _parquet(file)
    elif _is_csv(head):
        yield from _csv(file, head)
    elif is_one_document(head):
        for piece in pieces(file, MAX_RECORD_BYTES):
            yield from _parsed(piece, parse)
    else:
        for piece in _lines(file):
            yield from _parsed(piece, parse)


def _is_csv(head: bytes) -> bool:
    """Whether the file starts with a CSV header.

    A line with a separator may also be the torn first line of JSON Lines; then a complete object follows.
    """
    first, *others = [line for line in head.split(b"\n") if line.strip()][:3] or [b""]
    if first.lstrip().startswith((b"{", b"[")) or any(_is_object(line) for line in others):
        return False
    return any(sign in first for sign in (b",", b";", b"\t"))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except BadRecord:
        return False


def is_one_document(head: bytes) -> bool:
    """Whether a file begins as a JSON list of records, or as objects that span several lines."""
    first = head.strip().partition(b"\n")[0].rstrip()
    return first.startswith(b"[") or (first.startswith(b"{") and first.endswith((b"{", b"[", b",")))


def _lines(file: BinaryIO) -> Iterator[Piece]:
    for number in itertools.count(1):
        line = file.readline(MAX_RECORD_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_RECORD_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_RECORD_BYTES)
            yield number, BadRecord(f"longer than {MAX_RECORD_BYTES >> 20} MB")
        elif line.strip():
            yield number, line.strip()


def _parsed(piece: Piece, parse: Parse) -> Iterator[Found]:
    line, data = piece
    if isinstance(data, BadRecord):
        yield line, data
        return
    try:
        value = parse(data)
    except BadRecord as bad:
        yield line, bad
        return
    page = value.get("data") if isinstance(value, dict) and set(value) <= _PAGE_KEYS else None
    for record in page if isinstance(page, list) else [value]:
        yield line, record if isinstance(record, dict) else BadRecord("not an object")


def _csv(file: BinaryIO, head: bytes) -> Iterator[Found]:
    csv.field_size_limit(MAX_RECORD_BYTES)  # the default limit of 128 kB is shorter than a long prompt
    delimiter = max(",;\t", key=head.partition(b"\n")[0].decode("latin-1").count)
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    try:
        header: list[str] | None = None
        for line, row in _csv_rows(_Lines(text), delimiter):
            if isinstance(row, BadRecord):
                yield line, row
            elif header is None:
                header = row
                if problem := _unusable(header):
                    yield line, BadRecord(f"{problem}, so none of its rows are read")
                    return
            elif row:
                yield line, _csv_record(header, row)
    finally:
        text.detach()


def _unusable(header: list[str]) -> str:
    """Return the problem with the column names, or an empty text."""
    if not _is_utf8(header):
        return "the header is not UTF-8"
    twice = [name for name, count in Counter(header).items() if count > 1]
    return f"columns have the same name: {', '.join(map(repr, twice))}" if twice else ""


def _is_utf8(row: list[str]) -> bool:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return False
    return True


def _csv_rows(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | BadRecord]]:
    """Yield each row with the number of its first line.

    After a broken row, continue at the line after its first.

    An unclosed quote swallows the following lines until the next quote, the end of the file or the field
    limit. These lines are read again as rows of their own.
    """
    while True:
        # Without strict, an unclosed quote would be accepted as a cell that extends to the end of the file.
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                yield lines.taken(), row
            return
        except csv.Error as error:
            yield lines.give_back(), BadRecord(f"not CSV: {error}")


class _Lines:
    """The lines of a text. The lines of the current row are held so that they can be read again."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._held: list[str] = []
        self._waiting: list[str] = []  # lines to read again, in reverse order
        self._first = 1  # the number of the first held line

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else self._text.readline(MAX_RECORD_BYTES)
        if not line:
            raise StopIteration
        self._held.append(line)
        return line

    def taken(self) -> int:
        """Release the held lines after a complete row; return the number of its first line."""
        first = self._first
        self._first += len(self._held)
        self._held = []
        return first

    def give_back(self) -> int:
        """Queue all held lines but the first to be read again; return the number of the first."""
        first = self._first
        self._first += 1
        self._waiting += reversed(self._held[1:])
        self._held = []
        return first


def _csv_record(header: list[str], row: list[str]) -> dict[str, Any] | BadRecord:
    if len(row) != len(header):
        return BadRecord(f"the header has {len(header)} columns, the row {len(row)}")
    if not _is_utf8(row):
        return BadRecord("not UTF-8")
    return dict(zip(header, row, strict=True))


def _parquet(file: BinaryIO) -> Iterator[Found]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("Reading Parquet", "parquet", "pyarrow") from error
    row = 0
    try:
        for record in plain_rows(pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=256)):
            row += 1
            yield row, record
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        yield row + 1, BadRecord(f"the Parquet file is damaged: {' '.join(str(error).split())[:200]}")


def plain_rows(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of Arrow record batches, with values as JSON represents them."""
    for batch in batches:
        for record in batch.to_pylist():
            yield {str(name): _plain(value) for name, value in record.items()}


def _plain(value: Any) -> Any:
    """Return a Parquet value as JSON represents it."""
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Decimal) or not _is_json(value) else value


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
