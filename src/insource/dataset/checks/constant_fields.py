"""Find fields with one value in every row: they teach nothing and score without reading."""

from __future__ import annotations

from collections import Counter

from insource.contract.places import place_of
from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.field_values import FieldValues
from insource.dataset.checks.row_view import RowView
from insource.foundation.value_names import value_name
from insource.matching.align import is_empty
from insource.types import Finding, JsonSchema, Labels

MIN_ROWS = 20


class ConstantFields(Check):
    """Finds fields with one value in every row that has the field, and declared fields that no row fills.

    Only top-level fields count as declared. With fewer than 20 rows the check reports nothing.
    """

    name = "constant-fields"
    title = "Constant fields"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fields = FieldValues(most=1, name=str if isinstance(context.output, Labels) else value_name)
        self._rows: Counter[str] = Counter()
        output = context.output
        self._never = set(place_of(output.definition).properties if isinstance(output, JsonSchema) else ())

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        self._fields.add(view)
        self._rows.update({leaf.path for leaf in view.leaves} & self._fields.values.keys())
        answer = view.answer or {}
        self._never -= {name for name in self._never if not is_empty(answer.get(name))}

    def finding(self) -> Finding:
        if self.seen < MIN_ROWS:
            return self.skip(f"{self.seen} rows are too few; {MIN_ROWS} are needed")
        found = [
            f"{path} is always {next(iter(values))[:60]!r}" + self._where(path)
            for path, values in sorted(self._fields.values.items())
            if path not in self._fields.open and self._rows[path] >= MIN_ROWS
        ]
        found += [f"{path} is never filled" for path in sorted(self._never)]
        fields = len(self._fields.values) + len(self._never)
        what = "answers are all the same" if isinstance(self.context.output, Labels) else "fields never vary"
        return self.report_fields(found, fields, f"{len(found)} of {fields} {what}")

    def _where(self, path: str) -> str:
        rows = self._rows[path]
        return "" if rows == self.seen else f" in the {rows:,} rows that have it"
