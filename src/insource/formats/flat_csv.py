"""Nested records as a CSV table: a column for each path, lists as JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

# Cells that spreadsheets evaluate (OWASP, CSV injection); numbers with a sign are none.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.])")


def write_csv(records: Callable[[], Iterable[Mapping[str, Any]]], file: TextIO, first: Iterable[str]) -> None:
    """Write a table with a header, one row a record; ``records`` is called twice.

    Objects become columns named by their path (``output.voltage``), in the order in which paths first appear,
    behind those of ``first`` and the paths in them. A list is one cell, as JSON. What a record does not have,
    and null, is an empty cell. A text that a spreadsheet would evaluate gets a quote in front.
    """
    paths = dict.fromkeys(path for record in records() for path, _ in flattened(record))
    order = {name: place for place, name in enumerate(first)}
    columns = sorted(paths, key=lambda path: order.get(path.split(".")[0], len(order)))
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for record in records():
        writer.writerow({path: _cell(value) for path, value in flattened(record)})


def flattened(record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each path of a record with its value; an empty object is a value."""
    for key, value in record.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{path}.")
        else:
            yield path, value


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
