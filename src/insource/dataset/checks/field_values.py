"""Count the values of each field in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from insource.dataset.checks.row_view import RowView
from insource.foundation.value_names import value_name

MAX_FIELDS = 500
MAX_VALUES = 20_000
"""Distinct values counted of a field; a field with more is free text."""


class FieldValues:
    """Values by field and ``name``; ``open`` fields had too many and are counted no further."""

    def __init__(self, most: int = MAX_VALUES, name: Callable[[Any], str] = value_name) -> None:
        self.filled: Counter[str] = Counter()
        self.values: dict[str, Counter[str]] = {}
        self.open: set[str] = set()
        self._most = most
        self._name = name

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
            counted[self._name(value)] += 1
            if len(counted) > self._most:
                self.open.add(path)
                counted.clear()
