"""The section on training: the curve, what chose checkpoint and settings, overfitting, and parity."""

from __future__ import annotations

from insource.report import charts, vega, words
from insource.report.page import Block, LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import estimate_cell
from insource.report.vocabulary import Metric
from insource.types import Estimate, RunResult, TrainingSummary


def training(result: RunResult) -> Section | None:
    """Return the section with the training curve and every automatic choice, or None."""
    summary = result.training
    if summary is None:
        return None
    lead = [
        f"{summary.base_model}, {summary.examples:,} examples, {summary.epochs:.2g} epochs: "
        f"{summary.steps:,} of {summary.planned_steps:,} planned steps, {summary.tokens:,} tokens "
        f"in {words.seconds(summary.seconds)} ({summary.tokens_per_s:,.0f} tokens/s).",
        *_memory(summary),
        *_fit(summary),
        *(f"A check before training failed and was overridden (--force): {one}" for one in summary.forced),
    ]
    if result.parity is not None:
        passed = "passed" if result.parity.passed else "failed"
        lead.append(f"Parity of the served and the trained model {passed}: {result.parity.sentence}")
    rows: list[Row] = [(name, value, reason) for name, value, reason in summary.choices]
    choices = Table("Automatic choices and their reasons", ("Choice", "Value", "Reason"), rows)
    known = words.metric(summary.metric or words.primary_metric(result), result.gold)
    plots = [plot for plot in (_curve(summary), _metric(summary, known)) if plot]
    blocks: tuple[Block, ...] = (*plots, *_trials(summary, known), *([choices] if rows else []))
    return Section("training", "How was it trained?", tuple(lead), blocks)


def _memory(summary: TrainingSummary) -> list[str]:
    """Return the peak memory beside its plan, nothing for a result of the time before there was one."""
    if not (summary.peak_memory_bytes and summary.planned_memory_bytes):
        return []
    peak, planned = (size / 2**30 for size in (summary.peak_memory_bytes, summary.planned_memory_bytes))
    return [f"Peak memory: {peak:.1f} GiB; {planned:.1f} GiB were planned."]


def _fit(summary: TrainingSummary) -> list[str]:
    """Return what the run says of overfitting, nothing for a result of the time before it was looked for."""
    if summary.gap is None or summary.gap.value is None:
        return []
    gap = (
        f"At the chosen step the validation loss is {abs(summary.gap.value):.3f} nats a token "
        f"{'above' if summary.gap.value >= 0 else 'below'} the training loss."
    )
    return [summary.overfitting or "No overfitting by the losses.", gap]


def _curve(summary: TrainingSummary) -> Plot | None:
    loss = [
        (p.step, p.loss) for p in summary.curve if words.finite(p.loss) is not None and p.loss is not None
    ]
    validation = [
        (p.step, p.validation_loss)
        for p in summary.curve
        if words.finite(p.validation_loss) is not None and p.validation_loss is not None
    ]
    if len(loss) + len(validation) < 2:
        return None
    lines = [
        charts.Line(name, tuple(float(x) for x, _ in seen), tuple(y for _, y in seen), series, dots=dots)
        for series, name, seen, dots in ((0, "training", loss, False), (1, "validation", validation, True))
        if seen
    ]
    steps = [x for line in lines for x in line.xs]
    losses = [y for line in lines for y in line.ys]
    x_axis = _steps(steps)
    y_axis = vega.Axis("Loss", (0.0, max(losses) * 1.05), format="~r")
    rows: list[Row] = [
        (f"{p.step:,}", f"{p.epoch:.2f}", words.number(p.loss), words.number(p.validation_loss))
        for p in summary.curve
        if p.task_metric is None
    ]
    return Plot(
        question="Did the loss fall, and when did training stop?",
        answer=f"{_lowest(summary)} Training stopped: {summary.stopped}",
        caption=f"Mean loss over answer tokens, n = {len(loss)} training and {len(validation)} validation "
        "points. The checkpoint is chosen on the validation split; the test split is not used.",
        draw=lambda width: charts.line_plot(lines, [_chosen(summary)], x_axis, y_axis, width=width),
        table=Table(
            "The data", ("Step", "Epoch", "Loss", "Validation loss"), rows, (0, 1, 2, 3), folded=True
        ),
        legend=tuple(
            LegendKey(charts.colour(line.series), "●" if not line.dots else "■", line.label) for line in lines
        ),
    )


def _lowest(summary: TrainingSummary) -> str:
    """Return where the validation loss was lowest, and whether that is the step that was kept."""
    best = words.number(summary.best_validation_loss)
    seen = [(p.validation_loss, p.step) for p in summary.curve if p.validation_loss is not None]
    lowest, step = min(seen, default=(summary.best_validation_loss, summary.best_step))
    if step == summary.best_step:
        return f"Validation loss was lowest at step {summary.best_step:,} ({best})."
    return (
        f"Validation loss was lowest at step {step:,} ({words.number(lowest)}); "
        f"step {summary.best_step:,} was kept ({best})."
    )


def _metric(summary: TrainingSummary, known: Metric) -> Plot | None:
    """Return the task's metric by step; one score says nothing about a choice."""
    scored = sorted(
        (point.step, point.task_metric)
        for point in summary.curve
        if point.task_metric is not None and words.finite(point.task_metric.value) is not None
    )
    if len(scored) < 2 or summary.score is None:
        return None
    line = charts.Line(
        known.label, tuple(float(step) for step, _ in scored), tuple(_value(one) for _, one in scored), 2
    )
    marks = [
        charts.Mark("", float(step), charts.Point(_value(one), one.low, one.high, series=2))
        for step, one in scored
    ]
    ends = charts.bounds(mark.point for mark in marks)
    y_axis = (
        vega.ratio_axis(known.label, ends)
        if known.ratio
        else vega.Axis(known.label, (min(ends), max(ends) * 1.05), format="~r")
    )
    x_axis = _steps([*line.xs, float(summary.steps)])
    rows: list[Row] = [(f"{step:,}", estimate_cell(one, ratio=known.ratio)) for step, one in scored]
    return Plot(
        question="Did the answers get better, and which step was kept?",
        answer=f"Step {summary.best_step:,} was kept: {words.inside(known.label)} "
        f"{words.described(summary.score, ratio=known.ratio)}. Where two steps have the same value, the "
        "validation loss decides.",
        caption=f"{known.label} of the checkpoints, answered by the engine that serves; "
        f"n = {summary.score.n} validation documents, {summary.score.confidence:.0%} intervals "
        f"({summary.score.method}). The kept step looks better here than on other documents, because it is "
        "the best of several.",
        draw=lambda width: charts.line_plot(
            [line], [_chosen(summary)], x_axis, y_axis, width=width, marks=marks
        ),
        table=Table("The data", ("Step", known.label), rows, (0, 1), folded=True),
    )


def _trials(summary: TrainingSummary, known: Metric) -> tuple[Table, ...]:
    if not summary.trials:
        return ()
    rows: list[Row] = [
        (
            f"{trial.rung + 1}",
            f"{trial.learning_rate:.2g}",
            f"{trial.batch_size}",
            f"{trial.rows:,}",
            words.number(trial.validation_loss),
            estimate_cell(trial.score, ratio=known.ratio) if trial.score else words.NOT_MEASURED,
        )
        for trial in summary.trials
    ]
    columns = ("Rung", "Learning rate", "Batch", "Rows", "Validation loss", known.label)
    return (Table("The sweep: what was tried before the run", columns, rows, (0, 1, 2, 3, 4, 5)),)


def _steps(steps: list[float]) -> vega.Axis:
    return vega.Axis("Step", (min(0.0, *steps), max(steps)), format="~r")


def _chosen(summary: TrainingSummary) -> charts.RuleLine:
    return charts.RuleLine(f"chosen: step {summary.best_step:,}", float(summary.best_step))


def _value(estimate: Estimate) -> float:
    return estimate.value or 0.0
