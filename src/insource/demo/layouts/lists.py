"""Layouts of labelled lines: sheets, forms, plates and datasheet headings."""

from __future__ import annotations

import numpy as np

from insource.demo.chance import happens, pick
from insource.demo.layouts.rows import cells
from insource.demo.sheet import Sheet


def label_value(sheet: Sheet, rng: np.random.Generator) -> str:
    """Labelled lines such as ``Rated voltage: 480 V`` under the product's name."""
    lines = [f"{sheet.vendor.name} {sheet.product}"] if happens(rng, 0.7) else []
    between = pick(rng, (": ", ": ", " : ", " = ", " - "))
    return "\n".join(lines + [f"{label}{between}{value}" for label, value in cells(sheet, rng, sheet.items)])


def bullets(sheet: Sheet, rng: np.random.Generator) -> str:
    """A bulleted list under a heading with the model."""
    mark = pick(rng, ("- ", "* ", "• ", "– "))
    lines = [f"{mark}{label}: {value}" for label, value in cells(sheet, rng, sheet.body)]
    return "\n".join([sheet.title, *lines])


def dotted_form(sheet: Sheet, rng: np.random.Generator) -> str:
    """A form with leaders: ``Warranty ........ 2 years``."""
    width = int(rng.integers(18, 27))
    lines = [
        f"{label} {'.' * max(3, width - len(label))} {value}"
        for label, value in cells(sheet, rng, sheet.items)
    ]
    return "\n".join(
        [f"{sheet.vendor.name.upper()} - {pick(rng, ('DATA FORM', 'EQUIPMENT FORM', 'TYPE RECORD'))}", *lines]
    )


def nameplate(sheet: Sheet, rng: np.random.Generator) -> str:
    """A stamped plate: capitals, abbreviations, several entries per line."""
    entries = [f"{item.plate} {item.number or item.value}" for item in sheet.items]
    per_line = int(rng.integers(2, 4))
    gap = pick(rng, ("  ", "   ", " | "))
    rows = [gap.join(entries[i : i + per_line]) for i in range(0, len(entries), per_line)]
    return "\n".join([sheet.vendor.name.upper(), *rows])


def datasheet_header(sheet: Sheet, rng: np.random.Generator) -> str:
    """A title block and two columns of data separated by spaces."""
    rule = pick(rng, ("-", "=", "_")) * int(rng.integers(12, 24))
    heading = pick(rng, ("TECHNICAL DATA", "DATA SHEET", "SPECIFICATIONS", "Product data"))
    lines = [f"{label}  {value}" for label, value in cells(sheet, rng, sheet.body)]
    return "\n".join([sheet.title, f"{heading}   Rev. {pick(rng, 'ABCDEF')}", rule, *lines])


def numbered_sections(sheet: Sheet, rng: np.random.Generator) -> str:
    """Numbered clauses: ``1.2 Frequency: 60 Hz``."""
    chapter = int(rng.integers(1, 9))
    lines = [
        f"{chapter}.{i} {label}: {value}" for i, (label, value) in enumerate(cells(sheet, rng, sheet.body), 1)
    ]
    return "\n".join([f"{chapter} {sheet.title}", *lines])
