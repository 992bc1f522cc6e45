"""The section on break-even: what a month costs at which volume."""

from __future__ import annotations

import math
from collections.abc import Sequence

from insource.foundation.money import show_usd
from insource.report import charts, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import is_assumed
from insource.types import BreakEven, RunResult

USD = "'$' + format(datum.value, ',~r')"
CURVE_POINTS = 60
ANCHOR = "break-even"


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
    return Section(ANCHOR, "When does it pay?", lead, blocks)


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
