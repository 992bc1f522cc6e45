"""Checks that can tell by one row alone: a reason why it is bad, or none; the fix drops it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from insource.dataset.checks.check import Check
from insource.types import Dropped, Finding, Fix, Row


class PerRow(Check):
    """A subclass says in ``problem`` what is wrong with a row; ``found`` and ``remedy`` are its sentences."""

    found: ClassVar[str]
    remedy: ClassVar[str]

    def problem(self, row: Row) -> str | None:
        """What is wrong with the row, in words."""
        raise NotImplementedError

    def observe(self, index: int, row: Row) -> None:
        super().observe(index, row)
        if detail := self.problem(row):
            self.hits.add(row, detail)

    def finding(self) -> Finding:
        fix = Fix(action="drop", summary=self.remedy)
        return self.report(f"{self.hits.count:,} {self.found}", fix=fix)

    def fixed(self, index: int, row: Row, parameters: Mapping[str, Any]) -> Row | Dropped:
        detail = self.problem(row)
        return self.drop(row, detail) if detail else row
