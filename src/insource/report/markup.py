"""GitHub's Markdown: escaped text, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from insource.report.page import Cell, Table

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~!&])")


def text(content: str) -> str:
    """Return the text on one line, with Markdown and HTML markup escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(content.split()))


def row(cells: Iterable[str]) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |"


def rule(columns: int, numeric: Iterable[int]) -> str:
    """Return the row below the heads, which aligns the numeric columns at the right."""
    right = set(numeric)
    return row("--:" if index in right else "---" for index in range(columns))


def cell(content: str | Cell) -> str:
    """Return the content of a cell, its smaller line after a break."""
    if isinstance(content, str):
        return text(content)
    mark = "≠ " if content.marked else ""
    badge = f"({content.badge})" if content.text and content.badge else content.badge
    said = " ".join(text(part) for part in (content.text, badge) if part)
    detail = f"<br>{text(content.detail)}" if content.detail else ""
    return f"{mark}{said}{detail}"


def table(shown: Table) -> Iterator[str]:
    """Yield the lines of a table; the notes of its rows are more columns."""
    notes = [dict(note) for note in shown.notes] or [{} for _ in shown.rows]
    named = dict.fromkeys(name for note in notes for name in note)
    columns = (*shown.columns, *named)
    yield row(map(text, columns))
    yield rule(len(columns), shown.numeric)
    for cells, note in zip(shown.rows, notes, strict=True):
        yield row((*map(cell, cells), *(text(note.get(name, "")) for name in named)))
