"""Rows that say again what an earlier row said: the same input, asked for the same, with the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from insource import canonical
from insource.dataset.checks.check import Check, Context
from insource.dataset.normal import normalised
from insource.dataset.records import as_object
from insource.types import Dropped, Finding, Fix, Row


class ExactDuplicates(Check):
    """Inputs are compared with case, form and white space evened out, answers as canonical JSON."""

    name = "exact-duplicates"
    title = "Exact duplicates"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._first: dict[bytes, int] = {}
        self._repeats: dict[int, int] = {}

    def observe(self, index: int, row: Row) -> None:
        super().observe(index, row)
        first = self._first.setdefault(_key(row), index)
        if first != index:
            self._repeats[index] = first
            self.hits.add(row, f"says the same as row {first + 1}")

    def finding(self) -> Finding:
        fix = Fix(action="drop", summary="keep the first of each and drop its repeats")
        return self.report(f"{self.hits.count:,} rows repeat an earlier one", fix=fix)

    def fixed(self, index: int, row: Row, parameters: Mapping[str, Any]) -> Row | Dropped:
        if (first := self._repeats.get(index)) is None:
            return row
        return self.drop(row, f"says the same as row {first + 1}")


def _key(row: Row) -> bytes:
    answer = as_object(row.output)
    said = canonical.dumps(answer) if answer is not None else str(row.output).strip()
    parts = [normalised(row.input), row.attributes, said]
    return blake2b(canonical.dumps(parts).encode(), digest_size=16).digest()
