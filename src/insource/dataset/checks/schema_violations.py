"""Find labels that do not fit the output contract: constrained decoding could never produce them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView
from insource.dataset.rows.targets import Targets
from insource.types import Dropped, Finding, Fix, Row


class SchemaViolations(Check):
    """As the build itself judges it; with `on_bad_rows = "error"` it refuses the source while any is left."""

    name = "schema-violations"
    title = "Schema violations"
    severity = "error"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._targets = Targets(context.output, context.absent_fields)
        self._reasons: Counter[str] = Counter()

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        if misfit := self._targets.misfit(row):
            self._reasons[misfit.reason] += 1
            self.hits.add(row, f"{misfit.reason}: {misfit.detail}")

    def finding(self) -> Finding:
        counted = ", ".join(f"{reason} {count:,}" for reason, count in self._reasons.most_common())
        summary = f"{self.hits.count:,} labels do not fit the contract" + (f": {counted}" if counted else "")
        return self.report(
            summary,
            fix=Fix(action="drop", summary="drop the rows whose label does not fit"),
            measures={"reasons": dict(sorted(self._reasons.items()))},
        )

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        misfit = self._targets.misfit(row)
        return self.drop(row, f"{misfit.reason}: {misfit.detail}") if misfit else row
