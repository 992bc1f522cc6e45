"""The sections on cost: quality against cost, and the break-even volume."""

from __future__ import annotations

import math
from collections.abc import Sequence

from insource.foundation.money import show_usd
from insource.report import charts, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import arm_cell, arm_legend, is_assumed, point
from insource.types import NOT_MEASURED, BreakEven, Evaluation, RunResult

USD = "'$' + format(datum.value, ',~r')"
CURVE_POINTS = 60


def quality_against_cost(result: RunResult) -> Section | None:
    """Return the section with the primary metric against cost. Arms of unknown cost are named, not drawn."""
    name = words.primary_metric(result)
    known = _costs(result, name)
    positive = [cost for _, _, cost in known if cost > 0]
    if not positive:
        return None
    free = min(positive) / 10
    marks = [_mark(evaluation, name, index, cost or free, cost) for index, evaluation, cost in known]
    metric = words.metric(name)
    bounds = [v for m in marks for v in (m.point.value, m.point.low, m.point.high) if v is not None]
    x_axis = vega.log_axis("Cost per 1,000 documents, logarithmic", [mark.x for mark in marks], USD)
    y_axis = vega.ratio_axis(metric.label, bounds)
    plot = Plot(
        question="What does quality cost?",
        answer=_cost_sentence(known, name),
        caption=_cost_caption(result, known, name),
        draw=lambda width: charts.scatter(marks, x_axis, y_axis, width=width),
        table=Table(
            "The data",
            ("Arm", metric.label, "Interval", "n", "Cost per 1,000", "Basis"),
            [_cost_row(evaluation, name) for evaluation in result.evaluations],
            numeric=(1, 2, 3, 4),
            folded=True,
        ),
        legend=arm_legend(result.evaluations),
    )
    return Section("cost", "Quality against cost", blocks=(plot,))


def break_even(result: RunResult) -> Section:
    """Return the section with break-even, the monthly cost against volume, and every assumption."""
    economics = result.break_even
    rows: list[Row] = [(a.name, f"{words.number(a.value)} {a.unit}", a.source) for a in economics.assumptions]
    assumptions = Table("Assumptions behind the break-even", ("What", "Value", "Source"), rows, (1,))
    lead = (
        (economics.sentence,)
        if economics.documents_per_month is not None
        else (economics.sentence, economics.reason)
    )
    plot = _monthly(result)
    blocks = ((plot,) if plot else ()) + ((assumptions,) if rows else ())
    return Section("break-even", "When does it pay?", lead, blocks)


def _costs(result: RunResult, name: str) -> list[tuple[int, Evaluation, float]]:
    return [
        (index, evaluation, evaluation.arm.cost_per_1000_usd)
        for index, evaluation in enumerate(result.evaluations)
        if evaluation.arm.cost_per_1000_usd is not None
        and evaluation.metrics.get(name, NOT_MEASURED).measured
    ]


def _mark(evaluation: Evaluation, name: str, index: int, x: float, cost: float) -> charts.Mark:
    drawn = point(evaluation.metrics[name], series=index, hollow=is_assumed(evaluation))
    assert drawn is not None, "only measured arms are drawn"
    label = words.arm_label(evaluation.arm)
    return charts.Mark(label if cost else f"{label}, $0", x, drawn)


def _cost_sentence(known: Sequence[tuple[int, Evaluation, float]], name: str) -> str:
    parts = []
    for _, evaluation, cost in known:
        assumed = " (assumed)" if is_assumed(evaluation) else ""
        quality = words.value(evaluation.metrics[name], ratio=words.metric(name).ratio)
        parts.append(f"{words.arm_label(evaluation.arm)} {quality} at {show_usd(cost)}{assumed}")
    return "Per 1,000 documents: " + "; ".join(parts) + "."


def _cost_caption(result: RunResult, known: Sequence[tuple[int, Evaluation, float]], name: str) -> str:
    drawn = {evaluation.arm.name for _, evaluation, _ in known}
    absent = [words.arm_label(e.arm) for e in result.evaluations if e.arm.name not in drawn]
    sizes = words.listed(f"{e.metrics[name].n:,}" for _, e, _ in known)
    parts = [f"Up and to the left is better. Whiskers are intervals; n = {sizes}."]
    if any(is_assumed(e) for _, e, _ in known):
        parts.append("A hollow mark is a simulated cloud with an assumed cost.")
    if any(cost == 0 for _, _, cost in known):
        parts.append("An arm that costs $0 is drawn at the left edge.")
    if absent:
        parts.append(f"Not drawn, because cost or metric is unknown: {words.listed(absent)}.")
    return " ".join(parts)


def _cost_row(evaluation: Evaluation, name: str) -> Row:
    estimate, ratio = evaluation.metrics.get(name, NOT_MEASURED), words.metric(name).ratio
    basis = ["assumed"] if is_assumed(evaluation) else []
    return (
        arm_cell(evaluation, model=False),
        words.value(estimate, ratio=ratio),
        words.interval(estimate, ratio=ratio) or "–",
        f"{estimate.n:,}",
        show_usd(evaluation.arm.cost_per_1000_usd),
        ": ".join([*basis, evaluation.arm.cost_basis]).strip(": "),
    )


def _monthly(result: RunResult) -> Plot | None:
    economics = result.break_even
    cloud, local = economics.cloud_per_1000_usd, economics.local_per_1000_usd
    if cloud is None or local is None or cloud <= 0:
        return None
    volumes = _volumes(economics, cloud)
    bills = [cloud * volume / 1000 for volume in volumes]
    own = [economics.fixed_monthly_usd + local * volume / 1000 for volume in volumes]
    if min(own) <= 0:
        return None
    simulated = any(is_assumed(e) for e in result.evaluations)
    capacity = words.finite(economics.capacity_documents_per_month) or math.inf
    within = [(volume, cost) for volume, cost in zip(volumes, own, strict=True) if volume <= capacity]
    lines = (
        charts.Line("cloud", volumes, tuple(bills), series=0, dashed=simulated),
        charts.Line("local", tuple(v for v, _ in within), tuple(cost for _, cost in within), series=1),
    )
    x_axis = vega.log_axis("Documents a month, logarithmic", volumes, "format(datum.value, ',~r')", margin=1)
    y_axis = vega.log_axis("Dollars a month, logarithmic", [*bills, *own], USD)
    sampled = list(zip(volumes, bills, own, strict=True))[::10]
    rows: list[Row] = [
        (f"{v:,.0f}", show_usd(bill), show_usd(cost) if v <= capacity else "beyond capacity")
        for v, bill, cost in sampled
    ]
    cloud_name = "cloud (assumed price of a simulated cloud)" if simulated else "cloud"
    return Plot(
        question="What does a month cost at your volume?",
        answer=_monthly_answer(economics),
        caption=f"Cloud: {show_usd(cloud)} per 1,000. Local: {show_usd(economics.fixed_monthly_usd)} a month "
        f"fixed and {show_usd(local)} per 1,000. Calculated from the assumptions below, not measured.",
        draw=lambda width: charts.line_plot(lines, _rules(economics, volumes), x_axis, y_axis, width=width),
        table=Table("The data", ("Documents a month", "Cloud", "Local"), rows, (0, 1, 2), folded=True),
        legend=(
            LegendKey(charts.colour(0), "╍" if simulated else "━", cloud_name),
            LegendKey(charts.colour(1), "━", "local"),
        ),
    )


def _volumes(economics: BreakEven, cloud: float) -> tuple[float, ...]:
    """Return volumes from well below to well above break-even, evenly spaced on the logarithmic axis."""
    crossing = words.finite(economics.documents_per_month)
    middle = crossing or max(economics.fixed_monthly_usd, 1.0) / cloud * 1000
    capacity = words.finite(economics.capacity_documents_per_month)
    low, high = middle / 30, max(middle * 30, (capacity or 0) * 1.5)
    ratio = math.log(high / low)
    return tuple(low * math.exp(ratio * step / CURVE_POINTS) for step in range(CURVE_POINTS + 1))


def _monthly_answer(economics: BreakEven) -> str:
    crossing = words.finite(economics.documents_per_month)
    if crossing is None:
        return "Running locally costs no less than the cloud at any volume."
    return f"Running locally costs less than the cloud from {crossing:,.0f} documents a month on."


def _rules(economics: BreakEven, volumes: Sequence[float]) -> list[charts.RuleLine]:
    named = (
        ("break-even", economics.documents_per_month),
        ("capacity of one machine", economics.capacity_documents_per_month),
    )
    return [
        charts.RuleLine(f"{name}: {volume:,.0f}", volume)
        for name, found in named
        if (volume := words.finite(found)) is not None and volumes[0] <= volume <= volumes[-1]
    ]
