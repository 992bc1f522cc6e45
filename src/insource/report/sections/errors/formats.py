"""The section on format: whether answers parse, keep to the schema and to one spelling, and repeat."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Block, Row, Section, Table
from insource.report.sections.estimates import arm_cell, estimate_cell
from insource.types import Evaluation, RunResult

RATES = (
    "format_consistency",
    "parse_rate",
    "repairable_rate",
    "schema_valid_rate",
    "surface_consistency",
    "run_agreement",
)


def formats(result: RunResult) -> Section | None:
    """Return the section with the rates of format of every arm, and how uniformly each field is written."""
    names = [name for name in RATES if any(name in e.metrics for e in result.evaluations)]
    if not names:
        return None
    rows: list[Row] = [
        (arm_cell(e, model=False), *(estimate_cell(e.metrics.get(name)) for name in names))
        for e in result.evaluations
    ]
    columns = ("Arm", *(words.metric(name).label for name in names))
    blocks: list[Block] = [Table("Rates of format", columns, rows, tuple(range(1, len(columns))))]
    chosen = words.candidate(result)
    if chosen is not None and any(field.surface for field in chosen.fields):
        blocks.append(_surface(chosen))
    return Section("format", "Is the format always the same?", _lead(chosen), tuple(blocks))


def _lead(chosen: Evaluation | None) -> tuple[str, ...]:
    if chosen is None or "format_consistency" not in chosen.metrics:
        return ()
    label, found = words.arm_label(chosen.arm), chosen.metrics["format_consistency"]
    lines = [f"{label}: valid answers in the canonical spelling on {words.described(found)}."]
    agreement = chosen.metrics.get("run_agreement")
    if agreement is not None and agreement.measured:
        note = f" ({agreement.note})" if agreement.note else ""
        lines.append(f"Asked again, {label} gives the same answer on {words.described(agreement)}{note}.")
    return tuple(lines)


def _surface(chosen: Evaluation) -> Table:
    rows: list[Row] = [
        (
            field.path,
            field.surface.pattern,
            estimate_cell(field.surface.dominant),
            words.percent(field.surface.labels),
            words.percent(field.surface.evenness),
        )
        for field in chosen.fields
        if field.surface is not None
    ]
    columns = ("Field", "Most common pattern", "Its share", "The same in the labels", "Uniformity")
    caption = f"How uniformly {words.arm_label(chosen.arm)} writes each field"
    return Table(caption, columns, rows, (2, 3, 4), folded=True)
