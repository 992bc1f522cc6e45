"""Digest what a project's rows are read from, so that a changed file is seen without reading its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from insource.config.dataset import DatasetSection
from insource.dataset.rows.provenance_file import sidecar_of
from insource.dataset.rows.records import BadRow
from insource.dataset.sources.containers import SUFFIXES, read_records
from insource.dataset.sources.documents import FILE_COLUMNS, TABLE_SUFFIXES, label_table, walk
from insource.dataset.sources.text_extraction import EXTRACTORS
from insource.formats.csv_records import CsvDialect
from insource.foundation import canonical

LABELS = "the table of labels"
_READ = frozenset({*EXTRACTORS, *SUFFIXES, *TABLE_SUFFIXES, ".label", ".txt"})
"""Endings of the files in a folder that a source may open; of all others only the name counts."""


def source_digest(section: DatasetSection, path: Path) -> str:
    """Return the sha256 over the names and contents of every file that may be read for the rows.

    That is the file and the provenance beside it; of a folder every file but hidden ones, the table of
    labels wherever it is, and the documents that it names, hidden ones too. Of files that no source opens
    only the name counts. A file that is not there or cannot be read counts as such.

    Raises:
        InsourceError: as reading the source does, when the folder or the table cannot be read.
    """
    if section.format == "log":
        return ""
    found = hashlib.sha256()
    for name, file in _files(section, path):
        known = not path.is_dir() or name == LABELS or file.suffix.lower() in _READ
        content = _content(file) if known else "not read"
        found.update(canonical.dumps([name, content]).encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def content_digest(path: Path) -> str:
    """Return the sha256 of a file, or an empty text when there is none or nothing in it."""
    return canonical.file_digest(path) if path.is_file() and path.stat().st_size else ""


def _files(section: DatasetSection, path: Path) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        yield path.name, path
        yield "provenance", sidecar_of(path)
        return
    walked = set()
    for file in walk(path):
        walked.add(file)
        yield file.relative_to(path).as_posix(), file
    table = path / section.labels if section.labels else label_table(path)
    if table is None:
        return
    if table not in walked or table.suffix.lower() not in _READ:
        yield LABELS, table
    for name in _named(section, table):
        if path / name not in walked:
            yield name, path / name


def _named(section: DatasetSection, table: Path) -> Iterator[str]:
    """Yield the documents that a table of labels names."""
    for _, record in read_records(table, section.encoding, CsvDialect(section.delimiter, section.quote)):
        if not isinstance(record, BadRow):
            columns = (section.columns.file,) if section.columns.file else FILE_COLUMNS
            yield from (str(record[column]) for column in columns if record.get(column))


def _content(path: Path) -> str:
    try:
        return content_digest(path)
    except OSError as error:
        return f"unreadable: {error.strerror or error}"
