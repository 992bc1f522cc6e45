"""The section on the labels: who stands behind them, and how right any arm can look against them."""

from __future__ import annotations

from insource.evaluation.scoring.text import rests_on
from insource.report import words
from insource.report.page import Block, Row, Section, Table
from insource.report.sections.estimates import estimate_cell
from insource.types import RunResult, Text


def gold(result: RunResult) -> Section | None:
    """Return the section on the source of the labels and the ceiling that their noise sets."""
    lead = []
    if result.gold is not None and (result.gold.people or result.gold.teachers):
        lead.append(result.gold.sentence)
    if result.ceiling is not None and result.ceiling.sentence:
        lead.append(result.ceiling.sentence)
    if isinstance(result.dataset.output, Text) and result.comparisons:
        lead.append(rests_on(words.primary_metric(result)))
    if not lead:
        return None
    table = _ceiling(result)
    blocks: tuple[Block, ...] = (table,) if table else ()
    return Section("labels-behind", "How far can the labels be trusted?", tuple(lead), blocks)


def _ceiling(result: RunResult) -> Table | None:
    found = result.ceiling
    if found is None or not found.documents:
        return None
    figures = (
        ("Two people agree", found.agreed),
        ("A single label is right: the ceiling", found.ceiling),
        ("After a third person has settled differences", found.adjudicated),
        ("Both left the label unchanged", found.confirmed),
        *((f"The ceiling of {path}", estimate) for path, estimate in found.fields.items()),
    )
    rows: list[Row] = [(name, estimate_cell(estimate), estimate.method) for name, estimate in figures]
    caption = f"The noise of the labels, on {found.documents:,} documents that two people labelled"
    return Table(caption, ("Share of the documents", "Value", "Method"), rows, (1,))
