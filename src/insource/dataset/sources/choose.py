"""Choose the source of a project's rows, as `[dataset]` says or from the data, and say why."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from insource.config.dataset import ColumnsSection, DatasetSection
from insource.dataset.rows.provenance_file import ENDING
from insource.dataset.rows.records import BadRow
from insource.dataset.rows.source import Source
from insource.dataset.sources.calls import LoggedCalls
from insource.dataset.sources.chat_shapes import alpaca, chat, completion, sharegpt
from insource.dataset.sources.containers import LINES, SUFFIXES, is_csv, read_records
from insource.dataset.sources.conversation import Conversations
from insource.dataset.sources.documents import ABOUT, Documents, is_document, label_table, walk
from insource.dataset.sources.record_shapes import ROWS, Shape, by_columns, teacher_of
from insource.dataset.sources.table import TableFile, TableSource
from insource.formats.csv_records import DETECTED, CsvDialect
from insource.foundation.errors import DataError
from insource.types import Split

SAMPLE = 20

_SPLITS: dict[str, Split] = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "calibration": "calibration",
    "test": "test",
}
_SHARD = re.compile(r"-\d+(?:-of-\d+)?\Z")


class Chosen(NamedTuple):
    """A source, and why it is read like that."""

    source: Source
    reason: str


def choose_source(
    section: DatasetSection,
    path: Path,
    *,
    workspace: Path,
    task: str,
    schemas: Mapping[str, dict[str, Any]] | None = None,
) -> Chosen:
    """Return the source that ``[dataset]`` names; ``path`` is its file or folder, ``workspace`` has the log.

    Raises:
        DataError: ``rows-unreadable``, ``unknown-columns``.
        PrerequisiteError: ``missing-extra``.
        UserError: ``no-log`` when it is read.
    """
    if section.format == "log":
        calls = LoggedCalls(workspace, section.calls, task=task, conversations=section.conversations)
        return Chosen(calls, "calls of the log, because the format says so")
    vouched = teacher_of(section.teacher)
    files = _table_files(path) if path.is_dir() else [TableFile(path, path.name)]
    if section.format == "documents" or (section.format == "auto" and not files):
        return _documents(section, path, schemas, vouched)
    if not files:
        raise DataError(
            "no-rows", f"{path} has no table in it.", hint=f"Tables end in {', '.join(SUFFIXES)}."
        )
    first = next((file.path for file in files if file.path.is_file()), files[0].path)
    shape, reason = _shape(section, first)
    if path.is_dir():
        reason = f"{len(files)} {'file' if len(files) == 1 else 'files'} of {path.name}/: {reason}"
    return Chosen(
        TableSource(
            path.name,
            files,
            shape,
            schemas=schemas,
            encoding=section.encoding,
            csv=CsvDialect(section.delimiter, section.quote),
            vouched=vouched,
        ),
        reason,
    )


def detected(path: Path, encoding: str = "", csv: CsvDialect = DETECTED) -> tuple[str, str, tuple[str, ...]]:
    """Return what the records of a file are, the reason, and their keys.

    The first is one of the formats of ``[dataset]``, or empty.

    Raises:
        DataError: ``unknown-columns`` when the whole file is one object with the records inside.
        The errors of ``read_records``.
    """
    sample = list(islice(_good(path, encoding, csv), SAMPLE))
    if len(sample) == 1:
        _refuse_one_object(path, sample[0])
    keys: tuple[str, ...] = tuple(dict.fromkeys(key for record in sample for key in record))
    for name, together in _SIGNS:
        having = sum(_has(record, together) for record in sample)
        if sample and 2 * having >= len(sample):
            shown = " and ".join(f"`{key}`" for key in together[0])
            return name, f"{having} of the first {len(sample)} records have {shown}", keys
    return ("" if sample else "rows"), "none of the first records can be read", keys


def _refuse_one_object(path: Path, record: Mapping[str, Any]) -> None:
    lists = [
        key
        for key, value in record.items()
        if isinstance(value, list) and len(value) > 1 and all(isinstance(one, dict) for one in value)
    ]
    columns = [tuple(value) if isinstance(value, dict) else () for value in record.values()]
    if len(columns) > 1 and columns[0] and len(set(columns)) == 1 and all(map(str.isdecimal, columns[0])):
        problem = "one object with a column a key, as pandas writes by default"
        command = 'df.to_json("rows.jsonl", orient="records", lines=True)'
    elif len(lists) == 1 and not any(_has(record, together) for _, together in _SIGNS):
        problem = f"one object with the records in {lists[0]!r}"
        each = shlex.quote(f".{json.dumps(lists[0])}[]")
        command = f"jq -c {each} {shlex.quote(path.name)} > rows.jsonl"
    else:
        return
    hint = f"Write one record a line, and name that file as `path`: {command}"
    raise DataError("unknown-columns", f"{path.name} is {problem}.", hint=hint)


def _has(record: Mapping[str, Any], together: tuple[tuple[str, ...], ...]) -> bool:
    return any(all(key in record for key in signs) for signs in together)


_SIGNS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("chat", (("messages",), ("preferred_output",))),
    ("sharegpt", (("conversations",),)),
    ("alpaca", (("instruction", "output"), ("instruction", "response"))),
    ("rows", (("input", "output"), ("input",), ("output",))),
    ("completion", (("prompt", "completion"),)),
)


def _shape(section: DatasetSection, path: Path) -> tuple[Shape, str]:
    """Return how the records are read, and why."""
    name: str = section.format
    why = "the format says so"
    columns = section.columns
    if name == "auto" and columns != ColumnsSection():
        return by_columns(columns), "columns as named in [dataset.columns]"
    keys: tuple[str, ...] = ()
    if name == "auto":
        name, why, keys = detected(path, section.encoding, CsvDialect(section.delimiter, section.quote))
    if name in _EXAMPLES:
        shape, called = _EXAMPLES[name]
        return shape(section.conversations), f"{called}: {why}"
    if name == "rows":
        plain = columns == ColumnsSection() and not section.encoding and path.suffix.lower() in LINES
        return (ROWS if plain else by_columns(columns)), f"rows: {why}"
    if len(keys) == 1 and is_csv(path):
        separated = 'If it has several, say what stands between them: `delimiter = "…"` under [dataset].'
        raise DataError("unknown-columns", f"{path.name} has one column, {keys[0]!r}.", hint=separated)
    raise DataError(
        "unknown-columns",
        f"{path.name} has neither `input` and `output` nor another known shape.",
        details=(f"Its columns: {', '.join(keys)}.",),
        hint='Say which is which in insource.toml: [dataset.columns] input = "…", output = "…".',
    )


_EXAMPLES: dict[str, tuple[Callable[[Conversations], Shape], str]] = {
    "chat": (chat, "chat examples"),
    "sharegpt": (sharegpt, "ShareGPT conversations"),
    "alpaca": (alpaca, "Alpaca examples, the instruction above the input"),
    "completion": (completion, "prompts with completions"),
}


def _good(path: Path, encoding: str, csv: CsvDialect) -> Iterator[dict[str, Any]]:
    found = (record for _, record in islice(read_records(path, encoding, csv), 200))
    return (record for record in found if not isinstance(record, BadRow))


def _documents(
    section: DatasetSection,
    path: Path,
    schemas: Mapping[str, dict[str, Any]] | None,
    vouched: Mapping[str, Any],
) -> Chosen:
    table = path / section.labels if section.labels else label_table(path)
    source = Documents(
        path,
        labels=table,
        columns=section.columns,
        schemas=schemas,
        encoding=section.encoding,
        csv=CsvDialect(section.delimiter, section.quote),
        vouched=vouched,
    )
    where = f"labels in {table.name}" if table else "labels beside them"
    return Chosen(source, f"a folder of documents, {where}")


def _table_files(folder: Path) -> list[TableFile]:
    """Return the tables of a folder when it is one of tables: kept by `datasets`, or without any document."""
    files = []
    documents = False
    for path in walk(folder):
        documents = documents or (is_document(path) and path.stem.lower() not in ABOUT)
        if path.is_dir() or _is_table(path):
            name = path.relative_to(folder).as_posix()
            files.append(TableFile(path, name, _split_of(name)))
    return [] if documents and not _kept_by_datasets(folder) else files


def _is_table(path: Path) -> bool:
    return (
        path.suffix.lower() in SUFFIXES and path.name not in _OF_DATASETS and not path.name.endswith(ENDING)
    )


_OF_DATASETS = ("dataset_info.json", "state.json", "dataset_dict.json", "dataset_infos.json")


def _kept_by_datasets(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _OF_DATASETS)


def _split_of(name: str) -> Split | None:
    """Return the split that a file or folder is named after: ``train-00000-of-00002.parquet``, ``test/…``."""
    words = (_SHARD.sub("", part.lower().partition(".")[0]) for part in reversed(name.split("/")))
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)
