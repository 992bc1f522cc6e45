"""What the checks of a dataset found, what may be done about it, and what was decided."""

from __future__ import annotations

from typing import Any, Literal

from insource.types.base import Frozen

Severity = Literal["error", "warning", "info"]
Decided = Literal["apply", "decline"]


class Instance(Frozen):
    """One row that a check points at, and why."""

    row_id: str
    line: int | None
    detail: str


class Fix(Frozen):
    """What could be done about a finding: rows dropped, or rows changed.

    ``parameters`` is what a person may look at and edit before accepting, an alias table for instance.
    ``rows`` is how many rows it drops or changes; None when that is all the rows of the finding.
    """

    action: Literal["drop", "change"]
    summary: str
    parameters: dict[str, Any] = {}
    rows: int | None = None


class Finding(Frozen):
    """The outcome of one check: ``count`` of the ``of`` rows looked at, or of what ``unit`` says.

    ``instances`` are the first of them. ``skipped`` says why the check could not be made, and is empty
    when it was; ``unjudged`` says what part of the rows or fields it could not judge. ``measures`` are
    further numbers, each explained in the check's page.
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
        """Between 0 and 1; 0 when nothing was looked at."""
        return self.count / self.of if self.of else 0.0

    @property
    def counted(self) -> str:
        """``1 row``, ``1,250 rows``."""
        return f"{self.count:,} {self.unit.removesuffix('s') if self.count == 1 else self.unit}"


class FixDecision(Frozen):
    """What a person decided about a check's fix; nothing is changed without one."""

    check: str
    decision: Decided
    parameters: dict[str, Any] = {}
    who: str = ""
    when: str = ""


class FunnelStep(Frozen):
    """One step between source and splits: ``rows_in == dropped + rows_out``; ``changed`` are kept."""

    step: str
    rows_in: int
    dropped: int
    changed: int
    rows_out: int
