"""The section on the error mix: why an arm is wrong, and the most that each lever could gain."""

from __future__ import annotations

from insource.report import charts, vega, words
from insource.report.page import Block, Cell, Plot, Row, Section, Table
from insource.report.sections.estimates import estimate_cell, point
from insource.types import ErrorMix, Estimate, RunResult
from insource.types.error_mix import Cause

NAMES: dict[Cause, str] = {
    "no-answer": "no answer",
    "unparseable": "cannot be read",
    "format-only": "spelling or format only",
    "schema-invalid": "not allowed by the schema",
    "not-offered": "label not offered",
    "needs-computation": "needs a computation",
    "label-doubtful": "doubtful label",
    "not-in-input": "value not in the document",
    "wrong-choice": "another value of the document",
    "confused": "confused with another label",
    "missed": "left empty",
    "invented": "filled without a value",
}


def error_mix(result: RunResult) -> Section | None:
    """Return the section with causes and levers, by arm; None where none was measured."""
    if not result.error_mixes:
        return None
    blocks: list[Block] = []
    for found in result.error_mixes:
        if found.causes:
            blocks += [_causes(result, found), _levers(result, found)]
            blocks += [_evidence(result, found)] if any(cause.evidence for cause in found.causes) else []
    spotless = tuple(found.sentence for found in result.error_mixes if not found.causes)
    return Section("error-mix", "Why is it wrong, and what could help?", spotless, tuple(blocks))


def _label(result: RunResult, found: ErrorMix) -> str:
    return words.arm_labels(result).get(found.arm, found.arm)


def _causes(result: RunResult, found: ErrorMix) -> Plot:
    label = _label(result, found)
    rows = [(NAMES[one.cause], one.slots, f"{one.slots:,}, {one.lever}") for one in found.causes]
    axis = vega.Axis("Wrong fields", (0, max(one.slots for one in found.causes)), format=",~r")
    table: list[Row] = [
        (
            NAMES[one.cause],
            f"{one.slots:,}",
            f"{one.documents:,}",
            one.lever,
            _without(one.without, found.measured),
        )
        for one in found.causes
    ]
    metric = words.inside(words.metric(found.metric, result.gold).label)
    columns = ("Cause", "Wrong fields", "Documents", "Lever", f"Highest {metric} without it")
    return Plot(
        question=f"Why is {label} wrong?",
        answer=found.sentence,
        caption=f"Every wrong field has exactly one cause, by evidence: {found.wrong_slots:,} wrong of "
        f"{found.slots:,} fields, n = {found.documents:,} documents. Counts, without intervals. "
        "Method: rules in a fixed order; the first that applies is the cause.",
        draw=lambda width: charts.bars(rows, axis, width=width),
        table=Table("The data", columns, table, (1, 2, 4), folded=True),
    )


def _levers(result: RunResult, found: ErrorMix) -> Plot:
    label, metric = _label(result, found), words.metric(found.metric, result.gold)
    views = [("as measured", found.measured), *((one.lever, one.without) for one in found.levers)]
    rows = [
        charts.DotRow(
            name,
            (mark,) if (mark := point(one, series=min(index, 1))) else (),
            _gain(one, found.measured) if index else "",
        )
        for index, (name, one) in enumerate(views)
    ]
    axis = vega.ratio_axis(metric.label, charts.bounds(mark for row in rows for mark in row.points))
    slots = ["–", *(f"{one.slots:,}" for one in found.levers)]
    table: list[Row] = [
        (row.label, count, estimate_cell(one), row.note or "–")
        for row, (_, one), count in zip(rows, views, slots, strict=True)
    ]
    return Plot(
        question=f"What is the most that each lever could gain for {label}?",
        answer=_most(found, words.inside(metric.label)),
        caption=f"{metric.label} if all wrong fields of a lever's causes were right: an upper end, because "
        f"no lever mends a cause altogether. {found.measured.confidence:.0%} intervals, "
        f"n = {found.measured.n:,} documents. Method: {words.methods([found.measured])}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width),
        table=Table(
            "The data", ("Lever", "Wrong fields", metric.label, "Gain"), table, (1, 2, 3), folded=True
        ),
    )


def _most(found: ErrorMix, metric: str) -> str:
    """Return the lever with the largest gain, which need not be that of the most wrong fields."""
    best = max(found.levers, key=lambda one: one.without.value or 0.0, default=None)
    if best is None or best.without.value is None or found.measured.value is None:
        return "No gain can be computed."
    gain = (best.without.value - found.measured.value) * 100
    return (
        f"Most by {best.lever}: at most {words.signed(gain)} points, to a {metric} of "
        f"{words.described(best.without)}."
    )


def _gain(without: Estimate, measured: Estimate) -> str:
    if without.value is None or measured.value is None:
        return ""
    return f"at most {words.signed((without.value - measured.value) * 100)}"


def _without(without: Estimate, measured: Estimate) -> Cell:
    shown = estimate_cell(without)
    gain = _gain(without, measured)
    return Cell(
        shown.text, detail="\n".join(part for part in (shown.detail, gain) if part), muted=shown.muted
    )


def _evidence(result: RunResult, found: ErrorMix) -> Table:
    rows: list[Row] = [(NAMES[one.cause], seen) for one in found.causes for seen in one.evidence]
    return Table(
        f"Examples of the errors of {_label(result, found)}", ("Cause", "Seen in"), rows, folded=True
    )
