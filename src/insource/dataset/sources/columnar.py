"""Read the records of Parquet and Arrow files, with what `datasets` and pandas keep in their schemas."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from insource.dataset.rows.records import BadRow
from insource.dataset.sources.json_lines import Found
from insource.formats.arrow_records import arrow_records, float_columns
from insource.foundation.errors import missing_extra

_STREAM = b"\xff\xff\xff\xff"
_BATCH_ROWS = 256


class Table(NamedTuple):
    """An open file: its schema, and its record batches as they are read."""

    schema: Any
    batches: Iterable[Any]


def is_columnar(path: Path, head: bytes) -> bool:
    """Return whether a file is Parquet or Arrow, by how it begins."""
    return head.startswith((b"PAR1", b"ARROW1")) or (
        path.suffix.lower() == ".arrow" and head.startswith(_STREAM)
    )


def columnar_records(path: Path, noted: Counter[str], whole: frozenset[str]) -> Iterator[Found]:
    """Yield each record with its row, up to a damage.

    Raises:
        PrerequisiteError: ``missing-extra`` without pyarrow.
    """
    row = 0
    try:
        with opened_table(path) as table:
            labels = _class_labels(table.schema.metadata)
            for record in arrow_records(table.batches, noted, whole):
                row += 1
                yield row, _named(record, labels)
    except BadRow as bad:
        yield row + 1, bad


@contextmanager
def opened_table(path: Path, *, only_floats: bool = False) -> Iterator[Table]:
    """Open a Parquet file, or Arrow's file or stream format; the latter is how `datasets` keeps data on disk.

    Raises:
        BadRow: ``unreadable-record``, also in the block, when a damage is met.
        PrerequisiteError: ``missing-extra``.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise missing_extra("Reading Parquet and Arrow", "parquet", "pyarrow") from error
    kind = "Arrow"
    try:
        with pyarrow.memory_map(str(path)) as source:
            begin = source.read(6)
            source.seek(0)
            if begin.startswith(b"PAR1"):
                kind = "Parquet"
                file = pyarrow.parquet.ParquetFile(source)
                columns = float_columns(file.schema_arrow) if only_floats else None
                yield Table(file.schema_arrow, file.iter_batches(batch_size=_BATCH_ROWS, columns=columns))
            elif begin == b"ARROW1":
                reader = pyarrow.ipc.open_file(source)
                yield Table(reader.schema, map(reader.get_batch, range(reader.num_record_batches)))
            else:
                stream = pyarrow.ipc.open_stream(source)
                yield Table(stream.schema, stream)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise BadRow("unreadable-record", f"the {kind} file is damaged: {problem}") from error


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
