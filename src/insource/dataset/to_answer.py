"""Read documents that are to be answered: the rows of a table, the files of a folder, or one document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from insource.config.dataset import ColumnsSection, DatasetSection
from insource.dataset.rows.records import BadRow, row_id_of
from insource.dataset.sources.containers import read_records
from insource.dataset.sources.documents import HIDDEN, is_document, unreadable_folder, walk
from insource.dataset.sources.record_shapes import by_columns
from insource.dataset.sources.text_extraction import text_of_document
from insource.formats.csv_records import CsvDialect
from insource.foundation.canonical import digest, file_digest
from insource.foundation.errors import DataError
from insource.types import Dropped


class ToAnswer(NamedTuple):
    """One document, and how its row is called."""

    row_id: str
    text: str


def documents_to_answer(path: Path, section: DatasetSection) -> Iterator[ToAnswer | Dropped]:
    """Yield the documents in the order of the file, or of the names in the folder; a bad one with its reason.

    The columns, the encoding and the delimiter are those of ``[dataset]``; no label is needed.

    Raises:
        DataError: ``rows-unreadable``, ``no-rows`` for a folder without documents, ``unknown-columns`` when
            no record has the column of the input.
        PrerequisiteError: ``missing-extra``.
    """
    if path.is_dir() or is_document(path):
        yield from _documents(path, section)
    else:
        yield from _rows(path, section)


def documents_in(path: Path, section: DatasetSection) -> int:
    """Return how many documents ``documents_to_answer`` yields. Raises as that does."""
    if path.is_dir() or is_document(path):
        return len(_files(path))
    return sum(1 for _ in _records(path, section))


def reads(folder: Path, path: Path) -> bool:
    """Return whether a folder's documents include those of ``path``, a document or folder within it."""
    root, inner = folder.resolve(), path.resolve()
    if not folder.is_dir() or root not in inner.parents:
        return False
    hidden = any(part.startswith(HIDDEN) for part in inner.relative_to(root).parts)
    return not hidden and (path.is_dir() or is_document(path))


def digest_of(path: Path) -> str:
    """Return the digest of what ``documents_to_answer`` reads."""
    if not path.is_dir():
        return file_digest(path)
    return digest([[_name_of(one, path), _content_of(one)] for one in _found(path)])


def _found(folder: Path) -> list[Path]:
    """Return the documents of a folder, and the folders in it that cannot be read."""
    return [path for path in walk(folder) if path.is_dir() or (path.is_file() and is_document(path))]


def _name_of(path: Path, folder: Path) -> str:
    """Return the path in the folder as text; of a name in another encoding, what can be read of it."""
    name = path.relative_to(folder).as_posix() if folder.is_dir() else path.name
    return os.fsencode(name).decode("utf-8", "replace")


def _content_of(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:  # no reason to answer nothing: the document gets a line with its error
        return f"unreadable: {error.strerror}"


def _files(path: Path) -> list[Path]:
    files = _found(path) if path.is_dir() else [path]
    if not files:
        raise DataError("no-rows", f"There is no document in {path}.", hint="Name a folder of documents.")
    return files


def _documents(path: Path, section: DatasetSection) -> Iterator[ToAnswer | Dropped]:
    for file in _files(path):
        name = _name_of(file, path)
        if file.is_dir():
            yield unreadable_folder(name)
            continue
        try:
            yield ToAnswer(name, text_of_document(file, section.encoding).text)
        except BadRow as bad:
            yield Dropped(row_id=name, line=None, reason=bad.reason, detail=bad.detail)


def _records(path: Path, section: DatasetSection) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    return read_records(path, section.encoding, CsvDialect(section.delimiter, section.quote))


def _rows(path: Path, section: DatasetSection) -> Iterator[ToAnswer | Dropped]:
    convert = by_columns(section.columns).convert
    found_one, columns = False, tuple[str, ...]()
    for line, record in _records(path, section):
        row_id = f"line-{line}"
        try:
            if isinstance(record, BadRow):
                raise record
            columns = columns or tuple(record)
            converted = convert(record)
            row_id = row_id if converted.get("id") is None else row_id_of(converted, line)
            text = converted.get("input")
            if not isinstance(text, str):
                raise BadRow("no-input", f"it has no text in {_named(section.columns)}")
            found_one = True
            yield ToAnswer(row_id, text)
        except BadRow as bad:
            yield Dropped(row_id=row_id, line=line, reason=bad.reason, detail=bad.detail)
    if not found_one and columns:
        raise DataError(
            "unknown-columns",
            f"No row of {path.name} has a text in {_named(section.columns)}.",
            details=(f"Its columns: {', '.join(columns)}.",),
            hint='Say which column has the document in insource.toml: [dataset.columns] input = "…".',
        )


def _named(columns: ColumnsSection) -> str:
    names = (columns.input,) if isinstance(columns.input, str) else columns.input
    return " or ".join(f"`{name}`" for name in names)
