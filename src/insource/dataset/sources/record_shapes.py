"""Convert records with other columns to Insource's own keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from insource.config.dataset import ColumnsSection
from insource.dataset.rows.records import KEYS
from insource.formats.paths import MISSING, value_at
from insource.formats.values import opened

Record = dict[str, Any]


class Shape:
    """How records of one kind are read. ``known`` are the top-level keys that it looks at."""

    def __init__(self, name: str, convert: Callable[[Record], Record], known: frozenset[str]) -> None:
        self.name = name
        self.convert = convert
        self.known = known


def by_columns(columns: ColumnsSection, keep: frozenset[str] = frozenset()) -> Shape:
    """Records whose columns have other names; a dotted path enters objects.

    Several input columns are joined as ``name: value`` lines. Several output columns are the fields of a
    JSON object, where an empty CSV cell is null, and no output at all when each is; a single one is the
    label or the object itself.
    """
    single = {key: getattr(columns, key) for key in ("id", "group", "time", "split", "prompt")}
    named = (*_names(columns.input), *_names(columns.output), *single.values())

    def convert(record: Record) -> Record:
        found = {key: _filled(record, path) for key, path in single.items()}
        found["input"] = _joined(record, columns.input)
        found["output"] = _output(record, columns.output)
        others = {key: opened(record.get(key)) for key in KEYS if key not in found and record.get(key) != ""}
        if _EXPORTED in record and not others.get("provenance"):
            others["provenance"] = _flat_provenance(record)
        return {key: value for key, value in (others | found).items() if value is not None}

    known = frozenset(path.partition(".")[0] for path in named) | frozenset(named) | _OWN | keep
    return Shape("columns", convert, known)


_EXPORTED = "label_source"
_LISTS = ("parents", "co_teachers")
_FLAT = ("human_edited", "date", "terms", "prompt_version", "finish_reason", "synthetic", *_LISTS)
_OWN = frozenset({*KEYS, _EXPORTED, "teacher", *_FLAT})


@cache
def _by_name() -> Shape:
    return by_columns(ColumnsSection())


ROWS = Shape("rows", lambda record: _by_name().convert(record) if _EXPORTED in record else record, _OWN)
"""Insource's own keys, also as `insource dataset export` flattens them for Hugging Face."""


def _flat_provenance(record: Record) -> dict[str, Any]:
    """Return who vouched for a row of an export, so that a teacher's answer stays one."""
    flat = {key: record[key] for key in _FLAT if record.get(key) is not None}
    flat |= {key: opened(flat[key]) for key in _LISTS if key in flat}
    return {**teacher_of(str(record.get("teacher") or "")), "label": record[_EXPORTED], **flat}


def teacher_of(name: str) -> dict[str, Any]:
    """Return the provenance of labels that the model ``provider/model`` gave; nothing without a name."""
    provider, _, model = name.partition("/")
    return (
        {"label": "teacher", "provider": provider if model else "", "model": model or provider}
        if name
        else {}
    )


def _names(column: str | tuple[str, ...]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else column


def _filled(record: Record, path: str) -> Any:
    value = value_at(record, path)
    return None if value is MISSING or value == "" else value


def _joined(record: Record, column: str | tuple[str, ...]) -> Any:
    if isinstance(column, str):
        return _filled(record, column)
    found = ((name, _filled(record, name)) for name in column)
    lines = [f"{name}: {value}" for name, value in found if value is not None]
    return "\n".join(lines) or None


def _output(record: Record, column: str | tuple[str, ...]) -> Any:
    if not isinstance(column, str):
        found = {name: opened(_filled(record, name)) for name in column if _is_there(record, name)}
        return found if any(value is not None for value in found.values()) else None
    value = _filled(record, column)
    # A class is a label however the column stores it: 3, true.
    return value if isinstance(value, str | dict | list | None) else str(value)


def _is_there(record: Record, path: str) -> bool:
    return value_at(record, path) is not MISSING
