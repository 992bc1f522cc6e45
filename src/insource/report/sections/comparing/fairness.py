"""The section on fairness: what is unfair to a cloud in this measurement, and what remains without it."""

from __future__ import annotations

from insource.report import charts, words
from insource.report.page import Block, Cell, Plot, Row, Section, Table
from insource.report.sections.estimates import difference_axis, difference_cell, estimate_cell, point
from insource.types import NOT_MEASURED, Comparison, Fairness, Handicap, RunResult
from insource.types.handicap import HandicapKind, Remaining

NAMES: dict[HandicapKind, str] = {
    "missing-labels": "Labels the cloud was not offered",
    "spelling": "Other spellings of right answers",
    "other-keys": "Keys of another schema",
    "old-prompt": "An older prompt",
    "no-answer": "Refused or cut answers",
    "teacher-labels": "Labels that a model gave",
    "copied-labels": "Labels copied from the cloud",
    "test-items-in-prompt": "Test documents in the prompt",
    "sampled-answers": "Answers drawn at a temperature",
}
LOOKED_FOR = len(NAMES)
COLUMNS = ("Handicap", "Documents", "Without it: cloud", "Difference", "Outcome", "What to do")


def fairness(result: RunResult) -> Section | None:
    """Return the section with the handicaps of each real cloud, None where no real cloud was compared."""
    clouds = [e.arm.name for e in result.evaluations if e.arm.role == "reference" and not e.arm.simulated]
    compared = [name for name in clouds if any(c.baseline == name for c in result.comparisons)]
    if result.choice is None or not compared:
        return None
    lead = tuple(_sentence(name, result.fairness.get(name)) for name in compared)
    blocks: list[Block] = []
    for name in compared:
        if (found := result.fairness.get(name)) and found.handicaps:
            blocks += _blocks(result, name, found)
    return Section("fairness", "Is the measurement fair to the cloud?", lead, tuple(blocks))


def _sentence(name: str, found: Fairness | None) -> str:
    if found is None or not found.handicaps:
        return f"{name}: none of the {LOOKED_FOR} handicaps that were looked for was found."
    if found.reason:
        return f"{name}: not comparable. {found.reason.rstrip('.')}."
    count = len(found.handicaps)
    unsure = sum(not one.certain for one in found.handicaps)
    likely = f", {unsure} of them only likely" if unsure else ""
    kinds = "handicap was" if count == 1 else "handicaps were"
    return f"{name}: {count} {kinds} found{likely}. The outcome is the same without."


def _blocks(result: RunResult, name: str, found: Fairness) -> list[Block]:
    measured = next((c for c in result.comparisons if c.baseline == name), None)
    blocks: list[Block] = []
    if measured is not None and (plot := _plot(result, name, found, measured)) is not None:
        blocks.append(plot)
    rows = [_row(result, one) for one in found.handicaps]
    blocks.append(Table(f"What was found: {name}", COLUMNS, rows, (1, 2, 3)))
    aliases: list[Row] = [
        (field, written, meant)
        for one in found.handicaps
        for field, table in one.aliases.items()
        for written, meant in table.items()
    ]
    if aliases:
        caption = f"The alias table that would mend the spellings of {name}"
        blocks.append(Table(caption, ("Field", "Written", "Means"), aliases, folded=True))
    evidence: list[Row] = [(NAMES[one.kind], item) for one in found.handicaps for item in one.evidence]
    if evidence:
        blocks.append(Table(f"Evidence: {name}", ("Handicap", "Seen in"), evidence, folded=True))
    return blocks


def _plot(result: RunResult, name: str, found: Fairness, measured: Comparison) -> Plot | None:
    metric = words.metric(measured.metric, result.gold)
    views = _views(found, measured)
    rows = [
        charts.DotRow(
            label,
            (mark,) if (mark := point(one.difference, series=0 if label == "As measured" else 1)) else (),
            words.gap(one.difference, ratio=metric.ratio) if one.documents else "no document is left",
        )
        for label, one in views
    ]
    if len(rows) < 2 or measured.difference.value is None:
        return None
    tolerated = (0.0, measured.margin) if metric.lower_is_better else (-measured.margin, 0.0)
    values = [*charts.bounds(mark for row in rows for mark in row.points), *tolerated]
    axis = difference_axis(f"Difference in {words.inside(metric.label)}", values, ratio=metric.ratio)
    table: list[Row] = [
        (label, difference_cell(one.difference, ratio=metric.ratio), one.outcome or "–")
        for label, one in views
    ]
    sizes = words.listed(f"{n:,}" for n in sorted({one.documents for _, one in views if one.documents}))
    return Plot(
        question=f"Does the outcome against {name} hold without what is unfair to it?",
        answer=_holds(found, measured),
        caption=f"{measured.candidate} minus {name} on the documents that remain, n = {sizes}; "
        f"{measured.difference.confidence:.0%} intervals. Shaded: the margin of “not worse”. "
        f"Method: {measured.test}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width, zero=True, shaded=tolerated),
        table=Table("The data", ("Comparison", "Difference", "Outcome"), table, (1,), folded=True),
    )


def _views(found: Fairness, measured: Comparison) -> list[tuple[str, Remaining]]:
    whole = Remaining(documents=measured.n, difference=measured.difference, outcome=measured.outcome)
    views = [("As measured", whole)]
    views += [(f"Without: {NAMES[h.kind].lower()}", h.remaining) for h in found.handicaps if h.remaining]
    if found.remaining is not None and sum(one.certain for one in found.handicaps) > 1:
        views.append(("Without all that are certain", found.remaining))
    return views


def _holds(found: Fairness, measured: Comparison) -> str:
    deciding = [NAMES[one.kind].lower() for one in found.handicaps if one.decides]
    if found.reason:
        what = f"it rests on {words.listed(deciding)}" if deciding else "it rests on all of them together"
        return f"No: {what}, so the two are not comparable."
    return f"Yes: {measured.candidate} is {measured.outcome or 'without a verdict'} with and without."


def _row(result: RunResult, one: Handicap) -> Row:
    remaining = one.remaining or Remaining()
    metric = words.metric(words.primary_metric(result))
    sure = "certain" if one.certain else "likely, not certain"
    certain = f"{sure}; the outcome rests on it" if one.decides else sure
    agreement = one.agreement or NOT_MEASURED
    detail = one.sentence
    if agreement.measured:
        detail += f" Repeated answers are the same on {words.described(agreement)}."
    return (
        Cell(NAMES[one.kind], detail=detail, badge="decides" if one.decides else ""),
        Cell(f"{one.documents:,} of {one.of:,}", detail=certain),
        estimate_cell(remaining.cloud, ratio=metric.ratio),
        difference_cell(remaining.difference, ratio=metric.ratio),
        remaining.outcome or "–",
        one.next_step or "–",
    )
