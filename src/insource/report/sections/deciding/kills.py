"""The section on the kill criteria: reasons not to train a model, looked at before anything else."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Cell, Row, Section, Table
from insource.report.sections.deciding.figures import in_a_line, in_full
from insource.types.decided import Decision, KillCriterion

STATES = {True: "met", False: "not met", None: "unknown"}
ORDER = (True, None, False)


def kill_criteria(decision: Decision) -> Section | None:
    """Return the section with every criterion, those that are met first."""
    if not decision.kills:
        return None
    ordered = sorted(decision.kills, key=lambda kill: ORDER.index(kill.met))
    rows: list[Row] = [(kill.name, _state(kill), kill.sentence, kill.instead or "–") for kill in ordered]
    columns = ("Criterion", "Here", "Why", "Instead")
    notes = [[("Figures", in_a_line(kill.evidence))] if kill.evidence else [] for kill in ordered]
    table = Table("Reasons not to train a model", columns, rows, notes=notes, cards=True)
    named = [(kill.name, one) for kill in ordered for one in kill.evidence]
    full = in_full("Every figure of the criteria", "Criterion", named)
    blocks = (table, full) if full else (table,)
    return Section("kill-criteria", "Does anything rule it out?", (summary(decision),), blocks)


def summary(decision: Decision) -> str:
    """Return how many criteria are met, unknown and not met, in a sentence that names the first two."""
    named = {state: [kill.name for kill in decision.kills if kill.met is state] for state in ORDER}
    if named[True]:
        first = f"Yes: {words.listed(named[True])}."
    elif named[None]:
        first = "Nothing that is known."
    else:
        first = "No."
    left = f" Unknown: {words.listed(named[None])}." if named[None] else ""
    return f"{first}{left} {len(named[False])} of {len(decision.kills)} criteria are not met."


def _state(kill: KillCriterion) -> Cell:
    state = STATES[kill.met]
    return Cell("", badge=state) if kill.met else Cell(state, muted=kill.met is None)
