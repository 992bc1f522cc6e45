"""Count the values of each field in bounded memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from insource.dataset.checks.row_view import RowView

MAX_FIELDS = 500
MAX_VALUES = 20_000
"""Distinct values counted of a field; a field with more is free text."""


class FieldValues:
    """Values by field. ``open`` fields had too many different ones and are counted no further."""

    def __init__(self, most: int = MAX_VALUES) -> None:
        self.filled: Counter[str] = Counter()
        self.values: dict[str, Counter[str]] = {}
        self.open: set[str] = set()
        self._most = most

    def add(self, view: RowView) -> None:
        for path, value in view.leaves:
            if path not in self.values:
                if len(self.values) >= MAX_FIELDS:
                    continue
                self.values[path] = Counter()
            self.filled[path] += 1
            if path in self.open:
                continue
            counted = self.values[path]
            counted[counted_as(value)] += 1
            if len(counted) > self._most:
                self.open.add(path)
                counted.clear()


def counted_as(value: Any) -> str:
    """Return the name by which a value is counted."""
    return value if isinstance(value, str) else repr(value)
