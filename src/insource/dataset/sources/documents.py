"""Read a folder of documents, with labels in files beside them or in one table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from insource.config.dataset import ColumnsSection
from insource.dataset.rows.records import BadRow, noted_sentences, row_of, unknown_keys_note
from insource.dataset.rows.source import unreadable
from insource.dataset.sources.containers import known_encoding, read_records, whole_columns
from insource.dataset.sources.extract.extracted import decoded
from insource.dataset.sources.extract.unread import Unread
from insource.dataset.sources.record_shapes import by_columns
from insource.dataset.sources.text_extraction import EXTRACTORS, text_of_document
from insource.formats.csv_records import DETECTED, CsvDialect
from insource.formats.strict_json import strict_json
from insource.foundation.errors import DataError
from insource.types import Dropped, Row

TABLES = ("labels", "metadata")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".json", ".parquet")
ABOUT = ("readme", "license", "licence", "notice")
FILE_COLUMNS = ("file_name", "file", "filename", "path")

HIDDEN = (".", "~$")  # hidden, or the lock of a document that Word has open

_LABEL_TEXT = (".label.txt", ".label")
_LABEL_JSON = (".label.json", ".json")
_SHOWN = 10
_LONGEST_NAME = 255  # bytes of a file's name that file systems take


class Documents:
    """The documents of a folder and the folders in it, by name; each is named by its path in there.

    ``labels`` is the table; without one, ``invoice.pdf`` has its label in ``invoice.json`` (the object, or
    a text), ``invoice.label.json``, ``invoice.label.txt`` or ``invoice.label``, or in one of these behind
    its whole name (``invoice.pdf.json``).

    ``encoding`` is that of documents and labels that are not UTF-8 and declare none; ``csv`` is that of the
    table.

    Raises:
        UserError: ``unknown-encoding``.

    Raises, when read:
        DataError: ``rows-unreadable``, ``no-file-column``.
        PrerequisiteError: ``missing-extra``, for the first document that needs it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        labels: Path | None = None,
        columns: ColumnsSection | None = None,
        schemas: Mapping[str, dict[str, Any]] | None = None,
        encoding: str = "",
        csv: CsvDialect = DETECTED,
        vouched: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = folder.name
        self._folder = folder
        self._labels = labels
        self._columns = columns or ColumnsSection()
        self._shape = by_columns(self._columns, frozenset(FILE_COLUMNS) | {self._columns.file})
        self._schemas = schemas
        self._encoding = known_encoding(encoding)
        self._csv = csv
        self._vouched = vouched
        self._unknown: Counter[str] = Counter()
        self._noted: Counter[str] = Counter()
        self._others: Counter[str] = Counter()
        self._about: list[str] = []
        self._guessed: dict[str, list[str]] = {}
        self._unread = Unread()

    @property
    def notes(self) -> tuple[str, ...]:
        kinds = ", ".join(f"{kind or 'without a suffix'} ({n})" for kind, n in sorted(self._others.items()))
        passed = (f"Files that are no documents were passed over: {kinds}.",) if kinds else ()
        guessed = (
            f"Neither UTF-8 nor said to be anything else, so read as {encoding}, a guess: "
            f"{', '.join(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''} ({len(names):,} in all)."
            for encoding, names in sorted(self._guessed.items())
        )
        about = (f"Passed over as about the data, by name and without a label: {', '.join(self._about)}.",)
        others = (*noted_sentences(self._noted), *passed, *(about if self._about else ()), *guessed)
        return (*self._unread.notes, *unknown_keys_note(self._unknown), *others)

    def __iter__(self) -> Iterator[Row | Dropped]:
        self._unknown.clear()
        self._noted.clear()
        self._others.clear()
        self._about.clear()
        self._guessed.clear()
        self._unread = Unread()
        return self._beside() if self._labels is None else self._from_table(self._labels)

    def _beside(self) -> Iterator[Row | Dropped]:
        used: set[bytes] = set()
        for path in self._walk():
            name = self._name_of(path)
            if path.is_dir():
                yield unreadable_folder(name)
            elif is_document(path):
                item = self._item(name, None, partial(self._label_of, path, used))
                if not self._is_about(path, item):
                    yield item
        for path in self._walk():  # labels come before or after their document in the walk
            name = self._name_of(path)
            if path.is_dir():
                continue
            if path.name.lower().endswith((*_LABEL_TEXT, ".json")):
                if _key(path) not in used:
                    detail = "a label whose document is not there"
                    yield Dropped(row_id=name, line=None, reason="missing-document", detail=detail)
            elif path.suffix.lower() not in EXTRACTORS:
                self._others[path.suffix.lower()] += 1

    def _from_table(self, table: Path) -> Iterator[Row | Dropped]:
        named: set[bytes] = set()
        column = self._columns.file
        whole = whole_columns((table,))
        for line, found in read_records(table, self._encoding, self._csv, noted=self._noted, whole=whole):
            if isinstance(found, BadRow):
                detail = f"{table.name}: {found.detail}"
                yield Dropped(row_id=f"line-{line}", line=line, reason=found.reason, detail=detail)
                continue
            column = column or self._file_column(table, found)
            name = str(found.get(column) or "")
            if not name:
                detail = f"`{column}` names no file"
                yield Dropped(row_id=f"line-{line}", line=line, reason="missing-document", detail=detail)
                continue
            named.add(_key(self._folder / name))
            self._unknown.update(key for key in found if key not in self._shape.known)
            yield self._item(name, line, partial(self._shape.convert, found))
        for path in self._walk():
            if path.is_dir():
                yield unreadable_folder(self._name_of(path))
            elif path.suffix.lower() not in EXTRACTORS:
                if path != table:
                    self._others[path.suffix.lower()] += 1
            elif _key(path) not in named:
                detail = f"{table.name} has no line for it"
                item = Dropped(row_id=self._name_of(path), line=None, reason="missing-output", detail=detail)
                if not self._is_about(path, item):
                    yield item

    def _is_about(self, path: Path, item: Row | Dropped) -> bool:
        """Return whether a document is about the data: beside it, by its name, and nobody labelled it."""
        unlabelled = isinstance(item, Dropped) and item.reason == "missing-output"
        if not (unlabelled and path.parent == self._folder and path.stem.lower() in ABOUT):
            return False
        self._about.append(path.name)
        return True

    def _item(self, name: str, line: int | None, label: Callable[[], dict[str, Any]]) -> Row | Dropped:
        path = self._folder / name
        try:
            record = {"id": name, **label()}
            record["input"] = self._text(path)
            return row_of(record, line=line, source=name, schemas=self._schemas, vouched=self._vouched)
        except BadRow as bad:
            return Dropped(row_id=name, line=line, reason=bad.reason, detail=bad.detail)

    def _label_of(self, path: Path, used: set[bytes]) -> dict[str, Any]:
        label = _label_beside(path)
        if label is None:
            near = f"{path.stem}.json or {path.stem}.label.txt"
            raise BadRow("missing-output", f"no label beside it, as {near}")
        used.add(_key(label))
        return {"output": _read_label(label, self._encoding)}

    def _text(self, path: Path) -> str:
        try:
            inside = path.resolve().is_relative_to(self._folder.resolve()) and path.is_file()
        except (OSError, RuntimeError, ValueError):  # a name that no file can have, a link to itself
            inside = False
        if not inside:
            raise BadRow("missing-document", "there is no such file in the folder")
        if path.suffix.lower() not in EXTRACTORS:
            kinds = ", ".join(EXTRACTORS)
            raise BadRow("unknown-document", f"{path.suffix or 'a file without a suffix'} is none of {kinds}")
        found = text_of_document(path, self._encoding)
        self._unread.add(self._name_of(path), found.unread)
        if found.guessed:
            self._guessed.setdefault(found.guessed, []).append(self._name_of(path))
        return found.text

    def _file_column(self, table: Path, record: Mapping[str, Any]) -> str:
        found = next((name for name in FILE_COLUMNS if name in record), None)
        if found is None:
            raise DataError(
                "no-file-column",
                f"No column of {table.name} names the documents; it has {', '.join(record)}.",
                hint='Name it: `file = "…"` under [dataset.columns] in insource.toml.',
            )
        return found

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _walk(self) -> Iterator[Path]:
        return walk(self._folder)


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and the folders in it, sorted, without hidden ones.

    A folder inside that cannot be read stands for what is in it. Links to folders are followed once, and not
    to where the walk comes anyway.

    Raises:
        DataError: ``rows-unreadable``.
    """
    root = folder.resolve()
    try:
        yield from _walk(folder, root, {_key(root)})
    except OSError as error:
        raise unreadable(folder, error) from error


def _walk(folder: Path, root: Path, seen: set[bytes]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(HIDDEN):
            continue
        if not path.is_dir():
            yield path
            continue
        real = path.resolve()
        if _key(real) in seen or (path.is_symlink() and real.is_relative_to(root)):
            continue
        seen.add(_key(real))
        try:
            yield from _walk(path, root, seen)
        except OSError:
            yield path


def unreadable_folder(name: str) -> Dropped:
    """Return the drop of a folder that ``walk`` names because it cannot be read."""
    detail = "the folder cannot be read, nor what is in it"
    return Dropped(row_id=name, line=None, reason="unreadable-path", detail=detail)


def is_document(path: Path) -> bool:
    """Return whether a file is a document, and not the label of one."""
    return path.suffix.lower() in EXTRACTORS and not path.name.lower().endswith(_LABEL_TEXT)


def label_table(folder: Path) -> Path | None:
    """Return the table with the labels, when the folder has one of the usual names."""
    found = {path.name.lower(): path for path in sorted(folder.glob("*")) if path.stem.lower() in TABLES}
    names = (found.get(f"{name}{suffix}") for name in TABLES for suffix in TABLE_SUFFIXES)
    return next((path for path in names if path is not None and path.is_file()), None)


def _label_beside(path: Path) -> Path | None:
    places = (
        base.with_name(f"{base.name}{suffix}")
        for base in (path, path.with_suffix(""))
        for suffix in (*_LABEL_JSON, *_LABEL_TEXT, *map(str.upper, (*_LABEL_JSON, *_LABEL_TEXT)))
    )
    names = (place for place in places if place != path and len(os.fsencode(place.name)) <= _LONGEST_NAME)
    return next((place for place in names if place.is_file()), None)


def _read_label(label: Path, encoding: str) -> Any:
    try:
        text = decoded(label.read_bytes(), encoding).text
        return strict_json(text) if label.suffix.lower() == ".json" else text.strip()
    except OSError as error:
        raise BadRow("invalid-json", f"its label {label.name}: {error.strerror or error}") from error
    except BadRow as bad:
        raise BadRow(bad.reason, f"its label {label.name}: {bad.detail}") from bad
    except ValueError as error:
        raise BadRow("invalid-json", f"its label {label.name}: {error}") from error


def _key(path: Path) -> bytes:
    """Return a few bytes for a path, so that a million of them fit in memory."""
    return blake2b(str(path).encode("utf-8", "surrogateescape"), digest_size=12).digest()
