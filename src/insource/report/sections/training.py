"""The section on training: the curve, the choices with their reasons, and parity."""

from __future__ import annotations

from insource.report import charts, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.types import RunResult, TrainingSummary


def training(result: RunResult) -> Section | None:
    """Return the section with the training curve and every automatic choice, or None."""
    summary = result.training
    if summary is None:
        return None
    lead = [
        f"{summary.base_model}, {summary.examples:,} examples, {summary.epochs:.2g} epochs: "
        f"{summary.steps:,} of {summary.planned_steps:,} planned steps, {summary.tokens:,} tokens "
        f"in {words.seconds(summary.seconds)} ({summary.tokens_per_s:,.0f} tokens/s)."
    ]
    if result.parity is not None:
        passed = "passed" if result.parity.passed else "failed"
        lead.append(f"Parity of the served and the trained model {passed}: {result.parity.sentence}")
    rows: list[Row] = [(name, value, reason) for name, value, reason in summary.choices]
    choices = (
        (Table("Automatic choices and their reasons", ("Choice", "Value", "Reason"), rows),) if rows else ()
    )
    plot = _curve(summary)
    return Section("training", "How was it trained?", tuple(lead), ((plot,) if plot else ()) + choices)


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
    x_axis = vega.Axis("Step", (min(0.0, *steps), max(steps)), format="~r")
    y_axis = vega.Axis("Loss", (0.0, max(losses) * 1.05), format="~r")
    rules = [charts.RuleLine(f"chosen: step {summary.best_step:,}", float(summary.best_step))]
    rows: list[Row] = [
        (f"{p.step:,}", f"{p.epoch:.2f}", words.number(p.loss), words.number(p.validation_loss))
        for p in summary.curve
    ]
    best = words.number(summary.best_validation_loss)
    return Plot(
        question="Did the loss fall, and when did training stop?",
        answer=f"Validation loss was lowest at step {summary.best_step:,} ({best}). "
        f"Training stopped: {summary.stopped}",
        caption=f"Mean loss over answer tokens, n = {len(loss)} training and {len(validation)} validation "
        "points. The checkpoint is chosen on the validation split; the test split is not used.",
        draw=lambda width: charts.line_plot(lines, rules, x_axis, y_axis, width=width),
        table=Table(
            "The data", ("Step", "Epoch", "Loss", "Validation loss"), rows, (0, 1, 2, 3), folded=True
        ),
        legend=tuple(
            LegendKey(charts.colour(line.series), "●" if not line.dots else "■", line.label) for line in lines
        ),
    )
