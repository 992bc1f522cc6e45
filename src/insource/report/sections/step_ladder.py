"""The section on the steps down: what a smaller form of the tuned model costs in quality."""

from __future__ import annotations

from insource.report import charts, vega, words
from insource.report.page import Block, Bullets, Cell, Plot, Row, Section, Table
from insource.report.sections.estimates import difference_cell, estimate_cell, point
from insource.report.vocabulary import Metric
from insource.types import Estimate, RunResult
from insource.types.step_ladder import LadderStep, StepLadder

MEGABYTE = 1e6


def step_ladder(result: RunResult) -> Section | None:
    """Return the section with the steps as a picture and as a table, None where they were not measured."""
    found = result.step_ladder
    if found is None or not found.steps:
        return None
    lead = (_seeds(found, ratio=words.metric(found.metric).ratio),) if found.seeds else ()
    blocks = steps_blocks(found, words.metric(found.metric, result.gold))
    return Section("steps", "How small can the tuned model be?", lead, blocks)


def steps_blocks(found: StepLadder, metric: Metric) -> tuple[Block, ...]:
    """Return the steps as a picture with its table, and what a reader has to know about them."""
    rows = [_dots(step) for step in found.steps]
    ends = charts.bounds(point for row in rows for point in row.points)
    axis = vega.ratio_axis(metric.label, ends)
    plot = Plot(
        question="What does each step down cost?",
        answer=_answer(found),
        caption=f"{metric.label} under the grammar, n = {found.documents:,} {found.split} documents, "
        "the same for every step; the test split is not looked at. Whiskers are 95 % intervals. Each step is "
        f"compared with the one above it, paired by document, margin {found.margin * 100:.1f} points. At the "
        f"right: what has to be on the disk. Method: {words.methods(step.quality for step in found.steps)}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width),
        table=_table(found, ratio=metric.ratio),
    )
    notes = tuple(f"{step.name}: {step.note}" for step in found.steps if step.note)
    notes += tuple(f"{name}: not measured. {reason}" for name, reason in found.absent.items())
    return (plot, *((Bullets("To know", notes),) if notes else ()))


def _dots(step: LadderStep) -> charts.DotRow:
    drawn = point(step.quality)
    return charts.DotRow(step.name, (drawn,) if drawn else (), f"{step.bytes / MEGABYTE:,.0f} MB")


def _answer(found: StepLadder) -> str:
    """Return which is the smallest form that no step down to it made worse."""
    held = [found.steps[0]]
    for step in found.steps[1:]:
        if step.outcome == "worse":
            break
        held.append(step)
    worse = [step for step in found.steps if step.outcome == "worse"]
    smallest = min(held, key=lambda step: step.bytes)
    undecided = [step.name for step in held[1:] if step.outcome == "inconclusive"]
    size = f"{smallest.bytes / MEGABYTE:,.0f} MB"
    text = f"{smallest.name} is the smallest ({size}) without a certain loss before it."
    if worse:
        names = words.listed(f"{step.name} against {step.above}" for step in worse)
        text = f"Certainly worse: {names}. {text}"
    if undecided:
        text += f" Undecided with so few documents: {words.listed(undecided)}."
    return text


def _seeds(found: StepLadder, *, ratio: bool) -> str:
    values = [run.quality.value for run in found.seeds if run.quality.value is not None]
    shown = words.listed(f"{words.value(run.quality, ratio=ratio)} (seed {run.seed})" for run in found.seeds)
    spread = max(values) - min(values) if values else 0.0
    reach = f"{spread * 100:.1f} points" if ratio else words.number(spread)
    return f"Trained {len(found.seeds)} times with other seeds: {shown}; the range is {reach}."


def _table(found: StepLadder, *, ratio: bool) -> Table:
    columns = (
        "Form",
        words.metric(found.metric).label,
        "Against the step above",
        "On disk",
        "Memory",
        "Tokens/s",
        "p50",
        "p95",
    )
    rows: list[Row] = [_row(step, ratio=ratio) for step in found.steps]
    return Table("The steps, from the top", columns, rows, tuple(range(1, len(columns))))


def _row(step: LadderStep, *, ratio: bool) -> Row:
    difference = Cell("–")
    if step.above:
        cell = difference_cell(step.difference, ratio=ratio)
        difference = Cell(cell.text, detail="\n".join(part for part in (cell.detail, step.outcome) if part))
    memory = f"{step.memory_bytes / MEGABYTE:,.0f} MB" if step.memory_bytes else words.NOT_MEASURED
    return (
        Cell(step.name, detail=f"the file is {step.file_type}" if step.note else ""),
        estimate_cell(step.quality, ratio=ratio),
        difference,
        Cell(f"{step.bytes / MEGABYTE:,.0f} MB"),
        Cell(memory, muted=not step.memory_bytes),
        estimate_cell(step.tokens_per_s, ratio=False),
        _seconds(step.p50_s),
        _seconds(step.p95_s),
    )


def _seconds(found: Estimate) -> Cell:
    low, high = words.finite(found.low), words.finite(found.high)
    span = "" if low is None or high is None else f"[{words.seconds(low)}, {words.seconds(high)}]"
    return Cell(words.seconds(found.value), detail=span.replace(" ", words.NBSP))
