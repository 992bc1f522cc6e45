"""Read records from any container: strict JSON Lines, CSV, JSON, Parquet, Arrow."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from insource.dataset.rows.records import BadRow
from insource.dataset.rows.source import unreadable
from insource.dataset.sources.json_lines import Found, json_lines
from insource.formats.containers import is_one_document, plain_rows, records
from insource.formats.strict_json import strict_json
from insource.formats.values import BadRecord
from insource.foundation.errors import UserError, missing_extra

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".gz")

_HEAD_BYTES = 1 << 16
_MARKS = ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NOT_UTF8 = "not UTF-8"


def read_records(path: Path, encoding: str = "") -> Iterator[Found]:
    """Yield each record with its line (Parquet and Arrow: its row), or why it is none.

    ``encoding`` is that of a text file when it is not UTF-8; a byte order mark says so itself.

    Raises:
        DataError: ``rows-unreadable``.
        PrerequisiteError: ``missing-extra`` for Parquet and Arrow without pyarrow.
        UserError: ``unknown-encoding``.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        marked = (name for mark, name in _MARKS if head.startswith(mark))
        encoding = known_encoding(encoding) or next(marked, "")
        if not encoding and is_json_lines(path, head):
            yield from json_lines(path)
        elif _is_arrow(path, head):
            yield from _arrow(path)
        else:
            with _recoded(path, encoding) if encoding else path.open("rb") as file:
                yield from _others(path, head, file, encoding)
    except OSError as error:
        raise unreadable(path, error) from error


def is_json_lines(path: Path, head: bytes) -> bool:
    """By its name, else by a first line that is an object of its own."""
    if path.suffix in (".jsonl", ".ndjson"):
        return True
    return path.suffix not in SUFFIXES and head.lstrip().startswith(b"{") and not is_one_document(head)


def _others(path: Path, head: bytes, file: BinaryIO, encoding: str) -> Iterator[Found]:
    labels = _class_labels(_parquet_metadata(path)) if head.startswith(b"PAR1") else {}
    for line, record in records(file, _strict):
        if isinstance(record, BadRecord):
            yield line, _bad(str(record), encoding)
        else:
            yield line, _named(record, labels)


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
    if problem.startswith("not CSV") or "the header has" in problem or "same name" in problem:
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
        return codecs.lookup(encoding).name if encoding else ""
    except LookupError as error:
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


def _is_arrow(path: Path, head: bytes) -> bool:
    return head.startswith(b"ARROW1") or (path.suffix == ".arrow" and head.startswith(b"\xff\xff\xff\xff"))


def _arrow(path: Path) -> Iterator[Found]:
    """Arrow's file or stream format; the latter is how `datasets` keeps a dataset on disk."""
    try:
        import pyarrow
    except ImportError as error:
        raise missing_extra("Reading Arrow", "parquet", "pyarrow") from error
    row = 0
    try:
        with pyarrow.memory_map(str(path)) as source:
            reader, batches = _opened(pyarrow, source)
            labels = _class_labels(reader.schema.metadata)
            for record in plain_rows(batches):
                row += 1
                yield row, _named(record, labels)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        yield row + 1, BadRow("unreadable-record", f"the Arrow file is damaged: {problem}")


def _opened(pyarrow: Any, source: Any) -> tuple[Any, Iterable[Any]]:
    if source.read(6) == b"ARROW1":
        reader = pyarrow.ipc.open_file(source)
        batches: Iterable[Any] = map(reader.get_batch, range(reader.num_record_batches))
        return reader, batches
    source.seek(0)
    reader = pyarrow.ipc.open_stream(source)
    return reader, reader


def _parquet_metadata(path: Path) -> dict[bytes, bytes] | None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("Reading Parquet", "parquet", "pyarrow") from error
    try:
        found: dict[bytes, bytes] | None = pyarrow.parquet.read_schema(path).metadata
    except (pyarrow.ArrowException, ValueError):  # reading its records says so, too
        return None
    return found


def _class_labels(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names behind the numbers of ``ClassLabel`` columns, which `datasets` keeps in the schema."""
    try:
        document = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        features = document["info"]["features"].items()
        return {name: one["names"] for name, one in features if one.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):  # not written by `datasets`
        return {}


def _named(record: dict[str, Any], labels: dict[str, list[str]]) -> dict[str, Any]:
    for column, names in labels.items():
        number = record.get(column)
        if isinstance(number, int) and 0 <= number < len(names):
            record[column] = names[number]
    return record
