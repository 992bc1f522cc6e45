"""Layouts of rows and columns."""

from __future__ import annotations

import numpy as np

from insource.demo.chance import happens, pick
from insource.demo.layouts.rows import cells
from insource.demo.sheet import Item, Sheet


def aligned_table(sheet: Sheet, rng: np.random.Generator) -> str:
    """Two columns aligned with spaces."""
    rows = cells(sheet, rng, sheet.items)
    width = max(len(label) for label, _ in rows) + 2
    head = [sheet.vendor.name] if happens(rng, 0.6) else []
    return "\n".join(head + [f"{label:<{width}}{value}" for label, value in rows])


def pipe_table(sheet: Sheet, rng: np.random.Generator) -> str:
    """A Markdown table."""
    head = pick(rng, (("Parameter", "Value"), ("Item", "Data"), ("Property", "Specification")))
    rows = [f"| {label} | {value} |" for label, value in cells(sheet, rng, sheet.items)]
    return "\n".join([f"| {head[0]} | {head[1]} |", "|---|---|", *rows])


def two_column(sheet: Sheet, rng: np.random.Generator) -> str:
    """Two labelled values side by side on each line."""
    entries = [f"{label}: {value}" for label, value in cells(sheet, rng, sheet.body)]
    half = (len(entries) + 1) // 2
    gap = pick(rng, ("    ", "   |   ", "  ||  "))
    rows = [gap.join(entries[i::half]) for i in range(half)]
    return "\n".join([sheet.title, *rows])


def csv_line(sheet: Sheet, rng: np.random.Generator) -> str:
    """A header line and one data line of an export."""
    comma = pick(rng, (";", "|")) if sheet.vendor.decimal_comma else pick(rng, (",", ";", "|"))
    values = [f'"{item.value}"' if comma in item.value else item.value for item in sheet.items]
    return "\n".join([comma.join(item.code for item in sheet.items), comma.join(values)])


def spec_matrix(sheet: Sheet, rng: np.random.Generator) -> str:
    """Three columns: parameter, unit and value."""

    def row(item: Item) -> str:
        return between.join((item.label, item.unit or "-", item.number or item.value))

    between = pick(rng, (" | ", "  ", " ; "))
    head = between.join(pick(rng, (("Parameter", "Unit", "Value"), ("Item", "Dim.", "Rating"))))
    return "\n".join([sheet.title, head, *map(row, sheet.body)])


def tab_separated(sheet: Sheet, rng: np.random.Generator) -> str:
    """Cells pasted from a spreadsheet."""
    rows = [f"{label}\t{value}" for label, value in cells(sheet, rng, sheet.items)]
    return "\n".join([f"{pick(rng, ('Spec', 'Data', 'Sheet1'))}\t{sheet.vendor.name} {sheet.product}", *rows])
