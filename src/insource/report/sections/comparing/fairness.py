"""The section on fairness: what is unfair to a cloud in this measurement, and what remains without it."""

from __future__ import annotations

from insource.report import charts, words
from insource.report.page import Block, Plot, Row, Section, Table, Terms
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
COLUMNS = ("Comparison", "Documents", "The cloud", "Difference", "Outcome")


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
    blocks.append(Terms(f"What was found: {name}", tuple(_described(one) for one in found.handicaps)))
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
    table = [_row(label, one, ratio=metric.ratio) for label, one in views]
    sizes = words.listed(f"{n:,}" for n in sorted({one.documents for _, one in views if one.documents}))
    return Plot(
        question=f"Does the outcome against {name} hold without what is unfair to it?",
        answer=_holds(found, measured),
        caption=f"{measured.candidate} minus {name} on the documents that remain, n = {sizes}; "
        f"{measured.difference.confidence:.0%} intervals. Shaded: the margin of “not worse”. "
        f"Method: {measured.test}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width, zero=True, shaded=tolerated),
        table=Table("The data", COLUMNS, table, (1, 2, 3), folded=True),
    )


def _views(found: Fairness, measured: Comparison) -> list[tuple[str, Remaining]]:
    whole = Remaining(
        documents=measured.n,
        cloud=measured.baseline_value,
        difference=measured.difference,
        outcome=measured.outcome,
    )
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


def _described(one: Handicap) -> tuple[str, str]:
    """Return what was found, how sure it is, and what to do."""
    sure = "Certain" if one.certain else "Likely, not certain"
    decides = ", and the outcome rests on it" if one.decides else ""
    text = f"{one.documents:,} of {one.of:,} documents. {one.sentence} {sure}{decides}."
    agreement = one.agreement or NOT_MEASURED
    if agreement.measured:
        text += f" Repeated answers are the same on {words.described(agreement)}."
    return NAMES[one.kind], f"{text} {one.next_step}".strip()


def _row(label: str, one: Remaining, *, ratio: bool) -> Row:
    return (
        label,
        f"{one.documents:,}",
        estimate_cell(one.cloud, ratio=ratio),
        difference_cell(one.difference, ratio=ratio),
        one.outcome or "–",
    )
