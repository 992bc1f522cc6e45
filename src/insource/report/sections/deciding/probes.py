"""The section on the probes: small experiments beside the ladder, what they cost, and what they found."""

from __future__ import annotations

from insource.report import units, words
from insource.report.page import Block, Cell, Row, Section, Table
from insource.report.sections.step_ladder import steps_blocks
from insource.types.decided import Decision
from insource.types.probes import Probe


def probes(decision: Decision) -> Section | None:
    """Return the section with every probe, run or not; None where none was asked for."""
    found = decision.probes
    if found is None:
        return None
    rows: list[Row] = [_row(one) for one in found.probes]
    columns = ("Probe", "Status", "Planned time", "Planned money", "Took")
    notes = [
        [(name, said) for name, said in (("What", one.what), ("Why", one.reason)) if said]
        for one in found.probes
    ]
    blocks: list[Block] = [Table("The probes", columns, rows, (2, 3, 4), notes=notes, cards=True)]
    given = "There was no limit on the time."
    lead = [given if found.budget_s is None else f"The budget was {units.bare(found.budget_s, 's')}."]
    if found.larger is not None:
        lead.append(
            f"{found.larger.model} against {found.larger.than}, both {found.larger.prompted}: "
            f"{found.larger.comparison.sentence}"
        )
    if found.cheapest:
        lead.append(found.cheapest)
    if found.quantisations is not None and found.quantisations.steps:
        blocks += steps_blocks(found.quantisations, words.metric(found.quantisations.metric))
    return Section("probes", "What was tried beside the ladder?", tuple(lead), tuple(blocks))


def _row(one: Probe) -> Row:
    return (
        one.name,
        Cell(one.status, muted=one.status == "not run"),
        units.cell(one.seconds, "s"),
        units.cell(one.usd, "USD"),
        units.bare(one.took_s, "s") if one.status != "not run" else "–",
    )
