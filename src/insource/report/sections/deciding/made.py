"""The section on provenance: how the decision was made."""

from __future__ import annotations

from insource.report.page import Section, Terms
from insource.report.sections.deciding.headline import DEPTHS
from insource.report.vocabulary import DECISION_TERMS
from insource.types.decided import Decision

ANCHOR = "made"


def made(decision: Decision) -> Section:
    """Return the section with command, depth, date, machine, version, and what the words mean."""
    items = (
        ("Task", decision.task),
        ("Decided", DEPTHS[decision.depth]),
        ("Command", decision.command),
        ("Date", decision.decided_at),
        ("Machine", decision.machine),
        ("Insource", decision.insource_version),
        ("Run", decision.run_id),
        ("Result", decision.result),
        ("Schema version", str(decision.schema_version)),
    )
    known = tuple((name, value) for name, value in items if value)
    terms = Terms("What the words mean", (*DECISION_TERMS.items(),))
    return Section(ANCHOR, "How was this decided?", blocks=(Terms("", known, code=True), terms))
