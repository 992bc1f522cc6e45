"""Find terms with several spellings: the model cannot know which spelling a label has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any

from insource.dataset.checks.check import Check, Context, checked_table
from insource.dataset.checks.field_values import FieldValues
from insource.dataset.checks.row_view import RowView, replaced
from insource.dataset.checks.spelling import (
    differ_in_meaning,
    is_abbreviation,
    is_slip,
    may_stand_for,
    normal_key,
    slip_keys,
    tokens,
)
from insource.matching.grounding import grounding_tier, occurrences
from insource.types import Dropped, Finding, Fix, JsonSchema, Labels, Row

MAX_VALUES = 2000
MIN_LABELS = 20
FEW_VALUES = 50
"""Distinct values up to which a field is a list of terms, even when they are copied from the document."""

MAX_DISTINCT = 0.5
"""Distinct values a label above which a field is names and numbers, not terms."""

MIN_USUAL, MAX_RARE = 5, 0.1
"""A slip is rare beside a spelling that is usual: rows of the one, and the other's share of them."""

SAMPLED = 5
CO_GROUNDED = 0.8
MIN_CO_GROUNDED = 3
CANDIDATES = 500

Aliases = dict[str, dict[str, str]]


class TermSpellings(Check):
    """Proposes an alias table by field, from other spellings of a term to the usual one.

    Spellings with one normal form are one term. So is a rare typing error of a usual spelling, a shortened
    word beside the same figures, and an abbreviation in whose rows the document has the long form. A spelling
    that the document itself has is never taken for an error. Quotations of a row's own document, and values
    that a person edited, stay as they are.
    """

    name = "term-spellings"
    title = "One term, many spellings"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fields = FieldValues(MAX_VALUES, name=str)  # by their spelling
        self._rows: dict[tuple[str, str], list[int]] = {}
        self._copied: Counter[str] = Counter()

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        self._fields.add(view)
        for path, value in view.leaves:
            if isinstance(value, str) and path in self._fields.values and path not in self._fields.open:
                rows = self._rows.setdefault((path, value), [])
                if len(rows) < SAMPLED and index not in rows:
                    rows.append(index)
                self._copied[path] += value in row.input

    def finding(self) -> Finding:
        proposed, left = self._proposed()
        aliases = self._count(proposed)
        spellings = sum(map(len, aliases.values()))
        terms = sum(len(set(table.values())) for table in aliases.values())
        summary = f"{spellings:,} spellings are other spellings of {terms:,} terms in {len(aliases)} fields"
        if left:
            summary += f"; {len(left)} fields copy their document's spellings and are left alone"
        return self.report(
            summary,
            fix=Fix(
                action="change",
                summary="write each term as its commonest spelling, by the alias table, which you may edit",
                parameters={"aliases": aliases},
            ),
            measures={"spellings": spellings, "terms": terms, "fields_left_alone": left},
        )

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        aliases = checked_table(self.name, "aliases", parameters)

        def change(path: str, value: Any) -> Any:
            term = _resolved(aliases.get(path, {}), value) if isinstance(value, str) else value
            return value if term == value or self._quoted(row, value) else term

        return row if row.provenance.human_edited else replaced(row, change)

    def _quoted(self, row: Row, value: str) -> bool:
        """Return whether the row's document has the value; a label is a class and is never quoted."""
        if isinstance(self.context.output, Labels):
            return False
        return next(occurrences(value.strip(), row.input), None) is not None

    def _count(self, proposed: Aliases) -> Aliases:
        """Read the rows again, now that spellings are known; return those that would be changed."""
        aliases: Aliases = {}
        for row in self.context.rows if proposed else ():
            hit = ""
            for path, value in () if row.provenance.human_edited else self.context.view(row).leaves:
                term = proposed[path].get(value) if path in proposed and isinstance(value, str) else None
                if term is not None and not self._quoted(row, value):
                    aliases.setdefault(path, {})[value] = term
                    hit = hit or f"{path}: {value!r} is {term!r} elsewhere"
            if hit:
                self.hits.add(row, hit)
        return {path: dict(sorted(aliases[path].items())) for path in sorted(aliases)}

    def _proposed(self) -> tuple[Aliases, list[str]]:
        """Return the alias table by field, and the fields that copy their document's spellings."""
        aliases: Aliases = {}
        left: list[str] = []
        for path in sorted(self._fields.values):
            values = self._terms(path)
            if not values:
                continue
            found = self._aliases(path, values)
            if found and len(values) > FEW_VALUES and self._copied[path] >= 0.95 * self._fields.filled[path]:
                left.append(path)
            elif found:
                aliases[path] = found
        return aliases, left

    def _terms(self, path: str) -> Counter[str]:
        """Return the values with letters of a field of terms; empty for another field."""
        filled = self._fields.filled[path]
        counted = self._fields.values[path]
        if path in self._fields.open or filled < MIN_LABELS or len(counted) > MAX_DISTINCT * filled:
            return Counter()
        return Counter(
            {v: n for v, n in counted.items() if (path, v) in self._rows and any(map(str.isalpha, v))}
        )

    def _aliases(self, path: str, values: Counter[str]) -> dict[str, str]:
        """Return what each spelling is to be, with the counts as they are once that is done."""
        fixed = self._declared(path)
        rows = {value: self._rows[path, value] for value in values}
        found: dict[str, str] = {}
        while step := self._step(values, rows, fixed):
            found |= step
            for value, term in step.items():
                values[term] += values.pop(value)
                rows[term] = sorted({*rows[term], *rows.pop(value)})[:SAMPLED]
        return {value: _resolved(found, value) for value in sorted(found)}

    def _step(
        self, values: Counter[str], rows: Mapping[str, list[int]], fixed: frozenset[str]
    ) -> dict[str, str]:
        """Spellings and their terms; no term is itself replaced in the same step."""
        ranked = sorted(values, key=lambda value: (value not in fixed, -values[value], value))
        clusters: dict[str, list[str]] = defaultdict(list)
        for value in ranked:
            clusters[normal_key(value) or value].append(value)
        found = {
            value: members[0]
            for members in clusters.values()
            for value in members[1:]
            if value not in fixed and not differ_in_meaning(value, members[0])
        }
        terms = set(found.values())
        for short, long in self._joined([members[0] for members in clusters.values()], values, rows):
            if short not in fixed and short not in terms and short not in found and long not in found:
                found[short] = long
                terms.add(long)
        return found

    def _joined(
        self, heads: Sequence[str], values: Counter[str], rows: Mapping[str, list[int]]
    ) -> Iterable[tuple[str, str]]:
        """Yield pairs of different normal forms that are one term all the same: (spelling, term)."""
        for rare, usual in _slips(heads, values):
            if self._in_source(rows[rare], rare) == 0:
                yield rare, usual
        alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for head in heads[:CANDIDATES]:
            said = tokens(head)
            alike[(said[0][:1] if said else "", *(one for one in said if one[-1].isdigit()))].append(head)
        for group in alike.values():
            for short, long in permutations(group, 2):
                if is_abbreviation(short, long) or (
                    may_stand_for(short, long) and self._means(rows[short], short, long)
                ):
                    yield (short, long) if values[short] <= values[long] else (long, short)

    def _means(self, rows: Sequence[int], short: str, long: str) -> bool:
        """Co-grounding: where the label is ``short``, the document does not say so but ``long``."""
        return (
            len(rows) >= MIN_CO_GROUNDED
            and self._in_source(rows, long) >= CO_GROUNDED * len(rows)
            and self._in_source(rows, short) <= (1 - CO_GROUNDED) * len(rows)
        )

    def _in_source(self, rows: Sequence[int], said: str) -> int:
        """Return how many of these rows' documents say it."""
        documents = (self.context.rows[index].input for index in rows)
        return sum(grounding_tier(said, document) in ("exact", "normalised") for document in documents)

    def _declared(self, path: str) -> frozenset[str]:
        """Return the spellings that a given contract names: they stay apart."""
        output = self.context.output
        if isinstance(output, Labels) and not output.inferred:
            return frozenset(output.names)
        if isinstance(output, JsonSchema) and not output.inferred and self._rows:
            row = self.context.rows[0]
            return frozenset(str(name) for name in self.context.view(row).declared(path).get("enum", ()))
        return frozenset()


def _slips(heads: Sequence[str], values: Counter[str]) -> Iterable[tuple[str, str]]:
    """(rare, usual) spellings one letter apart."""
    usual: dict[str, list[str]] = defaultdict(list)
    for value in heads:
        if values[value] >= MIN_USUAL and len(value) <= 100:
            for key in slip_keys(value):
                usual[key].append(value)
    for value in heads:
        near = (
            {other for key in slip_keys(value) for other in usual.get(key, ())}
            if len(value) <= 100
            else set()
        )
        for other in sorted(near, key=lambda other: (-values[other], other)):
            if values[value] <= MAX_RARE * values[other] and is_slip(value, other):
                yield value, other
                break


def _resolved(table: Mapping[str, str], value: str) -> str:
    """Return where the table leads in the end: applied twice is applied once. A circle leads nowhere."""
    seen = [value]
    while seen[-1] in table:
        seen.append(table[seen[-1]])
        if seen[-1] in seen[:-1]:
            return value if seen[-1] != seen[-2] else seen[-1]
    return seen[-1]
