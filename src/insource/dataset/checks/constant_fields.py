"""Fields that always say the same: nothing to learn, and a score that is earned without reading."""

from __future__ import annotations

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.field_values import FieldValues
from insource.matching.schema import declared_properties
from insource.types import Finding, JsonSchema, Labels, Row

MIN_ROWS = 20


class ConstantFields(Check):
    """One value in every row, or none in any; with fewer than 20 rows nothing is said."""

    name = "constant-fields"
    title = "Constant fields"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fields = FieldValues(most=1)

    def observe(self, index: int, row: Row) -> None:
        super().observe(index, row)
        self._fields.add(self.context.look(row))

    def finding(self) -> Finding:
        if self.seen < MIN_ROWS:
            return self.skip(f"{self.seen} rows are too few; {MIN_ROWS} are needed")
        found = [
            f"{path} is always {next(iter(values))[:60]!r}"
            for path, values in sorted(self._fields.values.items())
            if path not in self._fields.open and self._fields.filled[path] >= self.seen
        ]
        never = self._never_filled()
        found += [f"{path} is never filled" for path in never]
        fields = len(self._fields.values) + len(never)
        what = "answers are all the same" if isinstance(self.context.output, Labels) else "fields never vary"
        return self.report_fields(found, fields, f"{len(found)} of {fields} {what}")

    def _never_filled(self) -> list[str]:
        """Declared top-level fields in which no row says anything."""
        if not isinstance(self.context.output, JsonSchema):
            return []
        filled = {path.replace("[", ".").split(".")[0] for path in self._fields.values}
        return [name for name in declared_properties(self.context.output.definition) if name not in filled]
