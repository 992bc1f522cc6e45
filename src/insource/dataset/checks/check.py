"""Define a check: it sees each row once, reports what it found, and can fix rows when it is told to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from insource.dataset.checks.row_view import Fields, RowView, schema_fields
from insource.dataset.rows.staged import Staged
from insource.foundation.errors import UserError
from insource.models.control_tokens import ControlTokens
from insource.redaction.pseudonyms import Pseudonyms
from insource.types import (
    SPLITS,
    AbsentFields,
    Dropped,
    Finding,
    Fix,
    Instance,
    JsonSchema,
    OutputSpec,
    Row,
    Severity,
)

SHOWN = 8
JUDGING = SPLITS[1:]
"""Splits that judge a model. A source that gives them says what is measured, so a change is said."""

_TABLE = TypeAdapter(dict[str, dict[str, str]])


class TokenCount:
    """Tokens of one row after the chat template: prompt with document, and answer."""

    __slots__ = ("answer", "prompt")

    def __init__(self, prompt: int, answer: int) -> None:
        self.prompt = prompt
        self.answer = answer


CountTokens = Callable[[Row, str], TokenCount]


@dataclass(frozen=True)
class Context:
    """What a check may ask for beside the rows.

    ``rows`` is for a second look at rows by their place, once all were seen. ``count_tokens``
    takes a row and its target, and is None where no tokenizer is at hand; ``no_tokens`` says why.
    ``max_tokens`` is the longest row that training takes. ``control`` are the base model's control tokens,
    None where it is not at hand. ``pseudonyms`` names what is taken out; without it the names are drawn anew
    in every process.
    """

    rows: Staged
    output: OutputSpec
    instruction: str = ""
    seed: int = 0
    max_tokens: int = 2048
    count_tokens: CountTokens | None = None
    no_tokens: str = "no tokenizer was given"
    control: ControlTokens | None = None
    absent_fields: AbsentFields = "null"
    pseudonyms: Pseudonyms | None = None

    def view(self, row: Row) -> RowView:
        """Return the row as checks see it. What they read off it is worked out once a view."""
        return RowView(row, self._fields)

    @cached_property
    def _fields(self) -> Fields:
        """The fields of the contract, the same for all rows that bring no contract of their own."""
        return schema_fields(self.output.definition if isinstance(self.output, JsonSchema) else None)


@dataclass
class Hits:
    """The rows a check points at: how many, how many of each given split, and the first ``shown`` of them."""

    shown: int = SHOWN
    count: int = 0
    given: Counter[str] = field(default_factory=Counter)
    instances: list[Instance] = field(default_factory=list)

    def add(self, row: Row, detail: str) -> None:
        self.count += 1
        self.given[row.split or ""] += 1
        if len(self.instances) < self.shown:
            self.instances.append(Instance(row_id=row.row_id, line=row.line, detail=detail))


class Check:
    """One check. A subclass fills ``hits`` in ``observe`` or at the start of ``finding``.

    ``fixed`` is only called after ``finding``, on the same rows in the same order, and only when a person
    accepted the fix with these ``parameters``. After it, the same check finds nothing it would change. It is
    called again when the log's answers have joined these rows, so it may not depend on answers observed.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = "warning"

    def __init__(self, context: Context) -> None:
        self.context = context
        self.hits = Hits()
        self.seen = 0

    def observe(self, index: int, view: RowView) -> None:
        """See one row; ``index`` is its place, counted from 0."""
        self.seen += 1

    def finding(self) -> Finding:
        """Return what was found among the rows observed."""
        raise NotImplementedError

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        """Return the row mended, as it is, or why it is dropped."""
        return view.row

    def report(
        self,
        summary: str,
        *,
        fix: Fix | None = None,
        measures: Mapping[str, Any] | None = None,
        unjudged: str = "",
    ) -> Finding:
        """Return the finding that ``hits`` amounts to; without a hit it proposes nothing."""
        if fix is not None and (given := by_split(self.hits.given)):
            summary += f"; of them in splits that the source gives: {given}"
            measures = {**(measures or {}), "given_splits": {s: self.hits.given[s] for s in JUDGING}}
        return Finding(
            check=self.name,
            title=self.title,
            severity=self.severity if self.hits.count else "info",
            count=self.hits.count,
            of=self.seen,
            summary=summary,
            instances=tuple(self.hits.instances),
            fix=fix if self.hits.count else None,
            measures=dict(measures or {}),
            unjudged=unjudged,
        )

    def report_fields(
        self, found: Sequence[str], of: int, summary: str, measures: Mapping[str, Any] | None = None
    ) -> Finding:
        """Return the finding of a check about fields instead of rows; ``found`` has a text for each field."""
        return Finding(
            check=self.name,
            title=self.title,
            severity=self.severity if found else "info",
            count=len(found),
            of=of,
            unit="fields",
            summary=summary,
            instances=tuple(Instance(row_id="", line=None, detail=detail) for detail in found[:SHOWN]),
            measures=dict(measures or {}),
        )

    def skip(self, why: str) -> Finding:
        """Return the finding of a check that could not be made."""
        return Finding(
            check=self.name, title=self.title, severity="info", count=0, of=0, summary=why, skipped=why
        )

    def kept(self, parameters: Mapping[str, Any]) -> list[str]:
        """Return the parameter ``keep`` of a fix that drops all other kinds.

        Raises:
            UserError: ``fix-parameters-invalid``.
        """
        keep = parameters.get("keep")
        if isinstance(keep, list) and keep and all(isinstance(kind, str) for kind in keep):
            return keep
        raise UserError(
            "fix-parameters-invalid",
            f"The fix of {self.name} needs `keep`, a list of the kinds that stay.",
            hint=f"Take it from the last findings: insource dataset fix --apply {self.name}",
        )

    def named(self, index: int) -> str:
        """Return what people call the row at this place: its line, or its id where it has none, as a call."""
        row = self.context.rows[index]
        return row.row_id if row.line is None else f"line {row.line}"

    def drop(self, row: Row, detail: str) -> Dropped:
        """Return the row left out, for the reason that is this check's name."""
        return Dropped(row_id=row.row_id, line=row.line, reason=self.name, detail=detail)


def by_split(counts: Mapping[str, int]) -> str:
    """``test 13, validation 2``: of the splits that judge, those with any."""
    return ", ".join(f"{split} {counts[split]:,}" for split in JUDGING if counts.get(split))


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first names in one text, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def checked_table(check: str, key: str, parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the parameter of a fix that says by field what is written in whose place.

    Raises:
        UserError: ``fix-parameters-invalid``.
    """
    try:
        return _TABLE.validate_python(parameters.get(key))
    except ValidationError as error:
        raise UserError(
            "fix-parameters-invalid",
            f"The fix of {check} needs `{key}`: for each field, a table from old values to new ones.",
            hint=f'For example: {key} = {{"power.phase" = {{"three-phase" = "3-phase"}}}}',
        ) from error
