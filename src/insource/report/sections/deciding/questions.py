"""The section on the four questions, each answered from measurements."""

from __future__ import annotations

from insource.report.page import Cell, Row, Section, Table
from insource.report.sections.deciding.figures import in_a_line, in_full, place
from insource.types.decided import Decision


def questions(decision: Decision) -> Section | None:
    """Return the section with every question, its answer, sentence, evidence and place."""
    if not decision.questions:
        return None
    rows: list[Row] = [
        (one.question, Cell(one.answer, muted=one.answer == "open"), one.sentence, place(one.link))
        for one in decision.questions
    ]
    notes = [[("Figures", in_a_line(one.evidence))] if one.evidence else [] for one in decision.questions]
    columns = ("Question", "Answer", "Why", "See")
    table = Table("Answered from measurements", columns, rows, notes=notes, cards=True)
    named = [(one.question, found) for one in decision.questions for found in one.evidence]
    full = in_full("Every figure of the answers", "Question", named)
    return Section("questions", "The four questions", blocks=(table, full) if full else (table,))
