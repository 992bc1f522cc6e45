"""The section on the gates of ``[decision]``, for continuous integration."""

from __future__ import annotations

from insource.report.page import Cell, Row, Section, Table
from insource.report.sections.deciding.kills import STATES
from insource.types.decided import Decision


def gates(decision: Decision) -> Section | None:
    """Return the section with every gate and whether it is met; None without gates."""
    if not decision.gates:
        return None
    rows: list[Row] = [
        (
            one.expression,
            Cell("", badge=STATES[one.met])
            if one.met is False
            else Cell(STATES[one.met], muted=one.met is None),
        )
        for one in decision.gates
    ]
    met = sum(one.met is True for one in decision.gates)
    lead = f"{met} of {len(decision.gates)} gates are met. A gate is unknown when a value was not measured."
    return Section("gates", "Are the gates met?", (lead,), (Table("Gates", ("Gate", "Here"), rows),))
