"""Read records from a file: JSON Lines, one JSON document, CSV or Parquet, plain or gzipped.

Reading is streamed: one record is in memory at a time, up to 64 MB. A record that cannot be read is returned
as a ``BadRecord`` at its position.
"""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from insource.formats.arrow_records import arrow_records
from insource.formats.csv_records import DELIMITERS, DETECTED, CsvDialect, csv_records
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


def records(
    file: BinaryIO,
    parse: Parse = parse_json,
    csv: CsvDialect | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[Found]:
    """Yield each record, or the reason why it is unreadable, with its first line (Parquet: its row), in file
    order.

    ``parse`` reads the JSON of one record or raises ``BadRecord``. ``csv`` says that what is
    not JSON is CSV, and how it is written; without it, both are detected.
    ``noted`` counts what was passed over or read as something else, in words.

    Raises:
        PrerequisiteError: ``missing-extra`` for a Parquet file without pyarrow.
    """
    noted = Counter() if noted is None else noted
    packed = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    if not packed:
        yield from _contained(file, parse, csv, noted)
        return
    unpacked, line = Gunzip(file), 0
    for line, record in _contained(cast(BinaryIO, io.BufferedReader(unpacked)), parse, csv, noted):
        yield line, record
    if unpacked.failure:
        yield line + 1, BadRecord(f"the compressed file is damaged or cut short: {unpacked.failure}")


def _contained(file: BinaryIO, parse: Parse, csv: CsvDialect | None, noted: Counter[str]) -> Iterator[Found]:
    head = file.read(_HEAD_BYTES)
    start = len(_BOM) if head.startswith(_BOM) else 0
    file.seek(start)
    head = head[start:]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield 1, BadRecord("the file is UTF-16; convert it: iconv -f utf-16 -t utf-8")
    elif head.startswith(b"PAR1"):
        yield from _parquet(file, noted)
    elif _is_csv(head, told=csv is not None):
        text = head.decode("utf-8", "surrogateescape")
        yield from cast(Iterator[Found], csv_records(file, text, csv or DETECTED, noted, MAX_RECORD_BYTES))
    elif is_one_document(head):
        for piece in pieces(file, MAX_RECORD_BYTES):
            yield from _parsed(piece, parse)
    else:
        for piece in _lines(file):
            yield from _parsed(piece, parse)


def _is_csv(head: bytes, *, told: bool) -> bool:
    """Whether the file starts with a CSV header; ``told`` is whether what is not JSON is CSV.

    A line with a separator may also be the torn first line of JSON Lines; then a complete object follows.
    """
    first, *others = [line for line in head.splitlines() if line.strip()][:3] or [b""]
    if first.lstrip().startswith((b"{", b"[")) or any(_is_object(line) for line in others):
        return False
    return told or any(sign.encode() in first for sign in DELIMITERS)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse_json(line), dict)
    except BadRecord:
        return False


def is_one_document(head: bytes) -> bool:
    """Whether a file begins as a JSON list of records, or as objects that span several lines.

    A first line that goes on behind ``head`` is one record, wherever it is cut.
    """
    first, ended, _ = head.lstrip().partition(b"\n")
    goes_on = bool(ended) and first.rstrip().endswith((b"{", b"[", b","))
    return first.startswith(b"[") or (first.startswith(b"{") and goes_on)


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


def _parquet(file: BinaryIO, noted: Counter[str]) -> Iterator[Found]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("Reading Parquet", "parquet", "pyarrow") from error
    row = 0
    try:
        batches = pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=256)
        for record in arrow_records(batches, noted):
            row += 1
            yield row, record
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        yield row + 1, BadRecord(f"the Parquet file is damaged: {' '.join(str(error).split())[:200]}")
