"""The sections that compare the arms: quality, cost and latency."""

from __future__ import annotations

from insource.foundation.money import show_usd
from insource.report import charts, vega, words
from insource.report.page import Cell, LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import (
    arm_cell,
    estimate_cell,
    estimate_row,
    estimate_table,
    is_assumed,
    point,
)
from insource.types import NOT_MEASURED, Estimate, Evaluation, RunResult

COMPONENTS = (
    "all_null_floor",
    "precision",
    "recall",
    "f1",
    "edit_burden",
    "correction_cost",
    "abstention_rate",
    "required_facts",
    "token_f1",
    "chrf",
)
PERCENTILES = {"p50": "p50, the median", "p95": "p95, 1 in 20 is slower"}


def compared(result: RunResult) -> Section:
    """Return the section with the table of arms, the component rates, and every estimate in full."""
    headline = words.headline_metrics(result)
    columns = (
        "Arm",
        *(words.metric(name, result.gold).label for name in headline),
        *PERCENTILES,
        "Cost per 1,000",
    )
    rows: list[Row] = [_arm_row(evaluation, headline) for evaluation in result.evaluations]
    caption = "Each figure with its interval and its number of documents"
    tables = (
        Table(caption, columns, rows, numeric=tuple(range(1, len(columns)))),
        _components(result),
        _every_estimate(result),
    )
    lead = (_lead(result), *_failures(result))
    return Section(
        "arms", "How good is each arm in every figure?", lead, tuple(table for table in tables if table)
    )


def latency(result: RunResult) -> Section | None:
    """Return the section with the median and the 95th percentile of every arm's latency, or None."""
    rows = [row for evaluation in result.evaluations if (row := _latency_dots(evaluation)).points]
    if not rows:
        return None
    values = [found.value for row in rows for found in row.points]
    axis = vega.log_axis("Seconds a document, logarithmic", values, "format(datum.value, '~r') + ' s'")
    table_rows = [
        (arm_cell(e, model=False), *(_latency_cell(e, name) for name in PERCENTILES))
        for e in result.evaluations
    ]
    plot = Plot(
        question="How long does an answer take?",
        answer=_latency_sentence(result),
        caption="Wall-clock time of one document, as the caller measures it, "
        f"n = {_sizes(result)} documents. Hollow marks are assumed. {_methods(result)}",
        draw=lambda width: charts.dot_plot(rows, axis, width=width, joined=True),
        table=Table("The data", ("Arm", *PERCENTILES), table_rows, numeric=(1, 2), folded=True),
        legend=tuple(
            LegendKey(charts.colour(series), charts.glyph(series), name)
            for series, name in enumerate(PERCENTILES.values())
        ),
    )
    return Section("latency", "How fast is it?", blocks=(plot,))


def _arm_row(evaluation: Evaluation, headline: tuple[str, ...]) -> Row:
    cells = (estimate_cell(evaluation.metrics.get(name), ratio=words.metric(name).ratio) for name in headline)
    latencies = (_latency_cell(evaluation, name) for name in PERCENTILES)
    return (arm_cell(evaluation), *cells, *latencies, _cost_cell(evaluation))


def _cost_cell(evaluation: Evaluation) -> Cell:
    arm = evaluation.arm
    if arm.cost_per_1000_usd is None:
        return Cell("unknown", detail=arm.cost_basis, muted=True)
    basis = arm.cost_basis
    if is_assumed(evaluation) and not basis.startswith("assumed"):
        basis = f"assumed: {basis}" if basis else "assumed"
    return Cell(show_usd(arm.cost_per_1000_usd), detail=basis)


def _latency(evaluation: Evaluation, name: str) -> Estimate:
    return evaluation.latency_s.get(name, NOT_MEASURED)


def _latency_cell(evaluation: Evaluation, name: str) -> Cell:
    estimate = _latency(evaluation, name)
    if words.finite(estimate.value) is None:
        return Cell(words.NOT_MEASURED, muted=True)
    if is_assumed(evaluation) or estimate.method == "assumed":
        return Cell(words.seconds(estimate.value), detail="assumed")
    low, high = words.finite(estimate.low), words.finite(estimate.high)
    bounds = "no interval"
    if low is not None and high is not None:
        span = f"[{words.seconds(low)}, {words.seconds(high)}]"
        bounds = span.replace(" ", words.NBSP)
    return Cell(words.seconds(estimate.value), detail=f"{bounds}\n{words.sample(estimate.n)}")


def _latency_dots(evaluation: Evaluation) -> charts.DotRow:
    drawn = tuple(
        charts.above_zero(found)
        for series, name in enumerate(PERCENTILES)
        if (found := point(_latency(evaluation, name), series=series, hollow=is_assumed(evaluation)))
        and found.value > 0
    )
    note = " – ".join(words.seconds(found.value) for found in drawn)
    if is_assumed(evaluation):
        note += ", assumed"
    return charts.DotRow(words.arm_label(evaluation.arm), drawn, note)


def _latency_sentence(result: RunResult) -> str:
    parts = []
    for evaluation in words.main_arms(result):
        p50, p95 = (words.finite(_latency(evaluation, name).value) for name in PERCENTILES)
        if p50 is None or p95 is None:
            continue
        kind = "is assumed to take" if is_assumed(evaluation) else "takes"
        label = words.arm_label(evaluation.arm)
        parts.append(f"{label} {kind} {words.seconds(p50)} at the median and {words.seconds(p95)} at p95")
    return "; ".join(parts) + "."


def _sizes(result: RunResult) -> str:
    sizes = sorted({_latency(e, "p50").n for e in result.evaluations if not is_assumed(e)} or {0})
    return " to ".join(f"{n:,}" for n in dict.fromkeys((sizes[0], sizes[-1])))


def _methods(result: RunResult) -> str:
    return f"Method: {words.methods(_latency(e, 'p50') for e in result.evaluations if not is_assumed(e))}."


def _lead(result: RunResult) -> str:
    chosen, name = words.candidate(result), words.primary_metric(result)
    if chosen is None:
        return "No arm was measured."
    metric = words.metric(name, result.gold)
    sentence = f"{words.arm_label(chosen.arm)}: {words.inside(metric.label)} "
    sentence += words.described(chosen.metrics.get(name, NOT_MEASURED), ratio=metric.ratio)
    floor = chosen.metrics.get("all_null_floor", NOT_MEASURED)
    if floor.measured:
        sentence += f"; an answer with every field empty scores {words.percent(floor.value)}"
    sizes = sorted({evaluation.n for evaluation in result.evaluations})
    if len(sizes) > 1:
        sentence += (
            f". The arms were evaluated on {sizes[0]:,} to {sizes[-1]:,} documents: to compare two arms, use "
            "their paired difference below, not these columns"
        )
    return sentence + "."


def _failures(result: RunResult) -> tuple[str, ...]:
    parts = []
    for evaluation in result.evaluations:
        if evaluation.failed or evaluation.unscored:
            reasons = words.listed(f"{reason} {n:,}" for reason, n in sorted(evaluation.failures.items()))
            parts.append(
                f"{words.arm_label(evaluation.arm)}: {evaluation.failed:,} of {evaluation.n:,} calls failed "
                f"and count as wrong, {evaluation.unscored:,} could not be scored"
                + (f" ({reasons})." if reasons else ".")
            )
    return tuple(parts)


def _components(result: RunResult) -> Table | None:
    headline = words.headline_metrics(result)
    names = [name for name in COMPONENTS if name not in headline]
    names = [name for name in names if any(name in e.metrics for e in result.evaluations)]
    if not names:
        return None
    rows = [
        (
            arm_cell(evaluation, model=False),
            *(estimate_cell(evaluation.metrics.get(name), ratio=words.metric(name).ratio) for name in names),
        )
        for evaluation in result.evaluations
    ]
    columns = ("Arm", *(words.metric(name).label for name in names))
    return Table("Component rates of the headline figures", columns, rows, tuple(range(1, len(columns))))


def _every_estimate(result: RunResult) -> Table:
    rows = [
        estimate_row(
            (words.arm_label(e.arm), words.metric(name, result.gold).label),
            estimate,
            ratio=words.metric(name).ratio,
        )
        for e in result.evaluations
        for name, estimate in e.metrics.items()
    ]
    table = estimate_table("Every figure with its method", "Arm", rows)
    columns = (table.columns[0], "Metric", *table.columns[1:])
    return Table(table.caption, columns, rows, numeric=tuple(n + 1 for n in table.numeric), folded=True)
