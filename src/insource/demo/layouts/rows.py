"""Labelled cells of a sheet, some groups merged into one line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from insource.demo.chance import happens, pick
from insource.demo.sheet import IO, POWER, Item, Sheet


def cells(sheet: Sheet, rng: np.random.Generator, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Return (label, value) per line. About a third of the documents merge the supply, or the I/O."""
    merged: dict[str, tuple[str, str]] = {}
    if happens(rng, 0.35):
        merged |= _merged(sheet, POWER, sheet.power_label, pick(rng, (", ", " / ", ", ", " ")))
    if happens(rng, 0.35):
        merged |= _merged(sheet, IO, sheet.io_label, pick(rng, (", ", " / ", " + ", "; ")))
    lines = []
    for item in items:
        line = merged.get(item.field, (item.label, item.value))
        if line not in lines:
            lines.append(line)
    return lines


def _merged(sheet: Sheet, fields: tuple[str, ...], label: str, between: str) -> dict[str, tuple[str, str]]:
    stated = sheet.stated(*fields)
    if len(stated) < 2:
        return {}
    line = (label, between.join(item.phrase for item in stated))
    return dict.fromkeys(fields, line)
