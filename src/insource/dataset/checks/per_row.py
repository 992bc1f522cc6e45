"""Base class of checks that judge each row by itself; the fix drops the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from insource.dataset.checks.check import Check
from insource.dataset.checks.row_view import RowView
from insource.types import Dropped, Finding, Fix, Row


class PerRow(Check):
    """A subclass says in ``problem`` what is wrong with a row; ``found`` and ``remedy`` are its sentences."""

    found: ClassVar[str]
    remedy: ClassVar[str]

    def problem(self, view: RowView) -> str | None:
        """Return what is wrong with the row, in words."""
        raise NotImplementedError

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        if detail := self.problem(view):
            self.hits.add(row, detail)

    def finding(self) -> Finding:
        fix = Fix(action="drop", summary=self.remedy)
        return self.report(f"{self.hits.count:,} {self.found}", fix=fix)

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        detail = self.problem(view)
        return self.drop(row, detail) if detail else row
