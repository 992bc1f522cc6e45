"""The evidence of a decision: in a line, and in full."""

from __future__ import annotations

from collections.abc import Iterable

from insource.report import units
from insource.report.page import Cell, Row, Table
from insource.types.decided import Evidence


def in_a_line(evidence: Iterable[Evidence]) -> str:
    """Return the evidence as ``calls from three prompts 99.2% [98.8%, 99.6%], n = 400; …``."""
    return "; ".join(f"{one.what} {units.described(one.estimate, one.unit)}" for one in evidence)


def in_full(caption: str, first: str, evidence: Iterable[tuple[str, Evidence]]) -> Table | None:
    """Return a folded table of every figure with its method and place, or None without any."""
    rows: list[Row] = [
        units.figure_row((named, Cell(one.what, detail=one.name), place(one.where)), one.estimate, one.unit)
        for named, one in evidence
    ]
    return units.figure_table(caption, (first, "Figure", "See"), rows) if rows else None


def place(where: str) -> Cell:
    """Return a link to a section of this page, else the name of the section or of the page in the docs."""
    return Cell(where or "–", link=f"#{where}")
