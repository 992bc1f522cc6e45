"""Findings of the dataset checks, their fixes, and the decisions about those fixes."""

from __future__ import annotations

from typing import Any, Literal

from insource.types.base import Frozen

Severity = Literal["error", "warning", "info"]
Decided = Literal["apply", "decline"]


class Instance(Frozen):
    """One row that a check reports, with the reason."""

    row_id: str
    line: int | None
    detail: str


class Fix(Frozen):
    """A change that would resolve a finding: rows dropped, or rows changed.

    ``parameters`` can be inspected and edited before the fix is accepted, for example an alias table.
    ``rows`` is the number of rows that the fix drops or changes; None means all rows of the finding.
    """

    action: Literal["drop", "change"]
    summary: str
    parameters: dict[str, Any] = {}
    rows: int | None = None


class Finding(Frozen):
    """The result of one check: ``count`` of ``of`` rows (or fields, see ``unit``) are affected.

    ``instances`` are the first affected rows. ``skipped`` says why the check did not run, and is empty when
    it did. ``unjudged`` says which rows or fields it could not judge. ``measures`` are further numbers,
    explained in the documentation of the check.
    """

    check: str
    title: str
    severity: Severity
    count: int
    of: int
    summary: str
    unit: Literal["rows", "fields"] = "rows"
    instances: tuple[Instance, ...] = ()
    fix: Fix | None = None
    measures: dict[str, Any] = {}
    skipped: str = ""
    unjudged: str = ""

    @property
    def share(self) -> float:
        """The affected share, between 0 and 1; 0 when nothing was checked."""
        return self.count / self.of if self.of else 0.0

    @property
    def counted(self) -> str:
        """The count with its unit: ``1 row``, ``1,250 rows``."""
        return f"{self.count:,} {self.unit.removesuffix('s') if self.count == 1 else self.unit}"


class FixDecision(Frozen):
    """A person's decision about the fix of a check; nothing is changed without one."""

    check: str
    decision: Decided
    parameters: dict[str, Any] = {}
    who: str = ""
    when: str = ""


class FunnelStep(Frozen):
    """One step between source and splits: ``rows_in == dropped + rows_out``. Changed rows are kept."""

    step: str
    rows_in: int
    dropped: int
    changed: int
    rows_out: int
