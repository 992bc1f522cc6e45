"""The section on the ladder: every rung's quality against what a correct document costs with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.foundation.money import show_usd
from insource.report import charts, vega, words
from insource.report.page import Bullets, Cell, Plot, Row, Section, Table
from insource.report.sections.estimates import arm_legend, estimate_cell, is_assumed, point
from insource.types import NOT_MEASURED, Comparison, Estimate, Evaluation, Labels, RunResult, Text

USD = "'$' + format(datum.value, ',~r')"
WIDEST = 5.0  # an interval of cost may make the axis longer than the points do by this factor


class Rung(NamedTuple):
    """One arm of the ladder.

    ``cost`` is that of 1,000 correct documents in US dollars, or of 1,000 documents where correct has no
    meaning. ``absent`` says why the arm is not drawn.
    """

    place: int
    evaluation: Evaluation
    quality: Estimate
    cost: Estimate
    absent: str = ""


def ladder(result: RunResult) -> Section | None:
    """Return the section with the ladder as one picture and as one table, None without any arm."""
    if not result.evaluations:
        return None
    rungs = _rungs(result)
    drawn = [rung for rung in rungs if not rung.absent]
    blocks = (_plot(result, rungs, drawn),) if drawn else (_table(result, rungs),)
    absent = tuple(f"{words.arm_label(rung.evaluation.arm)}: {rung.absent}." for rung in rungs if rung.absent)
    more = (Bullets("Not in the picture", absent),) if absent and drawn else ()
    chosen = (result.choice.reason,) if result.choice else ()
    return Section("ladder", "Which rung does the job, and what does it cost?", chosen, (*blocks, *more))


def correct_rate(result: RunResult) -> str | None:
    """Return the metric that counts correct documents; None for free text, which has none."""
    output = result.dataset.output
    if isinstance(output, Text):
        return None
    return "accuracy" if isinstance(output, Labels) else "exact_match"


def cost_of_correct(cost: float | None, rate: Estimate) -> Estimate:
    """Return what 1,000 correct documents cost, with the interval of the rate."""
    if cost is None or words.finite(rate.value) is None:
        return NOT_MEASURED
    if not rate.value:
        return NOT_MEASURED.model_copy(update={"note": "no document is correct", "n": rate.n})
    low, high = words.finite(rate.low), words.finite(rate.high)
    ends = (cost / high, cost / low) if high and low else (None, None)
    method = f"cost over the rate; {rate.method}"
    return Estimate(value=cost / rate.value, low=ends[0], high=ends[1], n=rate.n, method=method)


def front(rungs: Sequence[Rung], *, lower_is_better: bool) -> list[Rung]:
    """Return the rungs that no other beats at the same or a lower cost, the cheapest first."""
    sign = -1 if lower_is_better else 1
    best, kept = float("-inf"), []
    for rung in sorted(rungs, key=lambda r: (r.cost.value or 0.0, -sign * (r.quality.value or 0.0))):
        quality = sign * (rung.quality.value or 0.0)
        if quality > best:
            best = quality
            kept.append(rung)
    return kept


def _rungs(result: RunResult) -> list[Rung]:
    """Return every arm, the cheapest first, those of unknown cost last."""
    primary, rate = words.primary_metric(result), correct_rate(result)
    found = []
    for index, evaluation in enumerate(result.evaluations):
        quality = evaluation.metrics.get(primary, NOT_MEASURED)
        price = evaluation.arm.cost_per_1000_usd
        right = evaluation.metrics.get(rate, NOT_MEASURED) if rate else Estimate(value=1.0)
        cost = cost_of_correct(price, right)
        absent = "" if words.finite(quality.value) is not None else "its quality is not measured"
        if price is None:
            absent = absent or f"its cost is unknown ({evaluation.arm.cost_basis or 'nothing states it'})"
        elif cost.value is None:
            absent = absent or cost.note or "how many documents are correct is not measured"
        found.append(Rung(index, evaluation, quality, cost, absent))
    return sorted(found, key=lambda rung: (rung.cost.value is None, rung.cost.value or 0.0))


def _plot(result: RunResult, rungs: Sequence[Rung], drawn: Sequence[Rung]) -> Plot:
    metric = words.metric(words.primary_metric(result), result.gold)
    positive = [rung.cost.value for rung in drawn if rung.cost.value]
    free = min(positive, default=1.0) / 10
    number = {rung.place: place for place, rung in enumerate(drawn, start=1)}
    marks = [_mark(rung, free, number[rung.place]) for rung in drawn]
    x_axis, costs = _x_axis(result, marks), [rung.cost.value or free for rung in drawn]
    best = front([r for r in drawn if not is_assumed(r.evaluation)], lower_is_better=metric.lower_is_better)
    corners = [(rung.cost.value or free, rung.quality.value or 0.0) for rung in best]
    ends = charts.bounds(mark.point for mark in marks)
    band, level = _band(result), _cloud(result)
    ceiling = _ceiling(result)
    marked = [*(band or ()), *(ceiling[1:] if ceiling else ())]
    y_axis = vega.ratio_axis(metric.label, [*ends, *(v for v in marked if 0 < v < 1)])
    if corners and max(costs) > corners[-1][0]:
        corners.append((x_axis.domain[1], corners[-1][1]))
    shaded = None if band is None else (max(band[0], y_axis.domain[0]), min(band[1], y_axis.domain[1]))
    return Plot(
        question="Which rung gives the most for its cost?",
        answer=_answer(result, best),
        caption=_caption(result, drawn, level),
        draw=lambda width: charts.scatter(
            marks,
            x_axis,
            y_axis,
            width=width,
            band=shaded,
            front=corners if len(best) > 1 else (),
            level=ceiling,
        ),
        table=_table(result, rungs),
        legend=arm_legend(result, [rung.evaluation for rung in drawn], numbers=number),
    )


def _mark(rung: Rung, free: float, number: int) -> charts.Mark:
    drawn = point(rung.quality, series=rung.place, hollow=is_assumed(rung.evaluation))
    assert drawn is not None, "only measured arms are drawn"
    label = words.arm_label(rung.evaluation.arm)
    cost = rung.cost
    if not cost.value:
        return charts.Mark(f"{label}, $0", free, drawn, number=number)
    return charts.Mark(label, cost.value, drawn, cost.low, cost.high, number=number)


def _x_axis(result: RunResult, marks: Sequence[charts.Mark]) -> vega.Axis:
    what = "correct documents" if correct_rate(result) else "documents"
    xs = [mark.x for mark in marks]
    lowest, highest = min(xs) / WIDEST, max(xs) * WIDEST
    ends = [end for mark in marks for end in (mark.low, mark.high) if end is not None]
    inner = [end for end in ends if lowest <= end <= highest]
    return vega.log_axis(f"Cost per 1,000 {what}, logarithmic", [*xs, *inner], USD, margin=1.6)


def _cloud(result: RunResult) -> Evaluation | None:
    """Return the cloud that the band belongs to: that of the primary comparison, else the best measured."""
    primary = words.primary_metric(result)
    clouds = [e for e in result.evaluations if e.arm.role == "reference" and e.metrics.get(primary)]
    first = [c.baseline for c in result.comparisons[:1]]
    lower = words.metric(primary).lower_is_better

    def rank(evaluation: Evaluation) -> tuple[bool, bool, float]:
        value = evaluation.metrics[primary].value or 0.0
        return evaluation.arm.name not in first, evaluation.arm.simulated, value if lower else -value

    return min(clouds, key=rank, default=None)


def _band(result: RunResult) -> tuple[float, float] | None:
    """Return the values that are not worse than the cloud's, by the margin."""
    cloud, primary, margin = _cloud(result), words.primary_metric(result), _margin(result)
    value = words.finite(cloud.metrics[primary].value) if cloud else None
    if value is None or margin is None:
        return None
    return (0.0, value + margin) if words.metric(primary).lower_is_better else (value - margin, 1.0)


def _ceiling(result: RunResult) -> tuple[str, float] | None:
    """Return the ceiling of the labels, where the primary metric is the share of correct documents."""
    found = result.ceiling
    if found is None or found.ceiling.value is None or words.primary_metric(result) != correct_rate(result):
        return None
    return f"ceiling of the labels, {words.percent(found.ceiling.value)}", found.ceiling.value


def _margin(result: RunResult) -> float | None:
    if result.choice:
        return result.choice.margin
    return result.comparisons[0].margin if result.comparisons else None


def _answer(result: RunResult, best: Sequence[Rung]) -> str:
    chosen = words.candidate(result)
    what = "1,000 correct documents" if correct_rate(result) else "1,000 documents"
    if chosen is None or not best:
        return "No arm with a measured cost can be compared."
    rung = next((rung for rung in _rungs(result) if rung.evaluation.arm.name == chosen.arm.name), best[0])
    name, ratio = words.arm_label(chosen.arm), words.metric(words.primary_metric(result)).ratio
    reached = f"{name} reaches {words.described(rung.quality, ratio=ratio)}"
    reached += f" at {_dollars(rung.cost)} for {what}." if rung.cost.value is not None else "."
    if [one.evaluation.arm.name for one in best] == [chosen.arm.name]:
        return f"{reached} No other rung is better, and none is as good for less."
    others = [words.arm_label(one.evaluation.arm) for one in best]
    return f"{reached} On the Pareto front, the cheapest first: {words.listed(others)}."


def _dollars(cost: Estimate) -> str:
    low, high = words.finite(cost.low), words.finite(cost.high) or None
    span = "" if low is None or high is None else f" [{show_usd(low)}, {show_usd(high)}]"
    return f"{show_usd(cost.value)}{span}"


def _caption(result: RunResult, drawn: Sequence[Rung], cloud: Evaluation | None) -> str:
    metric, rate = words.metric(words.primary_metric(result), result.gold), correct_rate(result)
    sizes = words.listed(f"{n:,}" for n in sorted({rung.quality.n for rung in drawn}))
    better = "Down" if metric.lower_is_better else "Up"
    parts = [f"{better} and to the left is better. Whiskers are 95 % intervals, n = {sizes} documents."]
    if rate:
        right = words.inside(words.metric(rate, result.gold).label)
        parts.append(f"The cost of a correct document is the cost of a document over the {right}.")
    if cloud is not None and _band(result) is not None:
        parts.append(
            f"Shaded: {words.inside(metric.label)} that is not worse than that of "
            f"{words.arm_label(cloud.arm)} by more than {(_margin(result) or 0) * 100:.1f} points; the "
            "paired test below decides, not this band."
        )
    parts.append("Dashed: the Pareto front, the measured rungs that no other equals for less.")
    if result.ceiling is not None and _ceiling(result) is not None:
        share = words.described(result.ceiling.ceiling)
        parts.append(
            f"Long dashes: the ceiling of the labels, {share}; an arm that is always right is measured at it."
        )
    parts.append("Marks that would hide each other stand side by side.")
    if any(is_assumed(rung.evaluation) for rung in drawn):
        parts.append("A hollow mark is a simulated cloud with an assumed cost; it is not on the front.")
    if any(rung.cost.value == 0 for rung in drawn):
        parts.append("An arm that costs $0 is drawn at the left edge.")
    return " ".join([*parts, f"Method: {words.methods(rung.quality for rung in drawn)}."])


def _table(result: RunResult, rungs: Sequence[Rung]) -> Table:
    primary, rate = words.primary_metric(result), correct_rate(result)
    names = list(dict.fromkeys(name for name in (primary, rate) if name))
    titles = (words.metric(name, result.gold).label for name in names)
    costs = (("Cost per 1,000 correct",) if rate else ()) + ("Cost per 1,000",)
    columns = ("Rung", *titles, *costs, f"{_chosen(result)} compared with it")
    rows = [_row(result, rung, names) for rung in rungs]
    return Table("The ladder, cheapest first", columns, rows, tuple(range(1, len(columns) - 1)))


def _chosen(result: RunResult) -> str:
    chosen = words.candidate(result)
    return words.arm_label(chosen.arm) if chosen else "The candidate"


def _row(result: RunResult, rung: Rung, names: Sequence[str]) -> Row:
    arm, chosen = rung.evaluation.arm, words.candidate(result)
    badge = "simulated cloud" if arm.simulated else ""
    mine = chosen is not None and chosen.arm.name == arm.name
    if mine and not badge:
        badge = "chosen" if result.choice else ""
    kind = "" if arm.kind == arm.name else f"{arm.kind} · "
    label = Cell(arm.name, detail=f"{kind}{arm.model}", badge=badge)
    metrics = (
        estimate_cell(rung.evaluation.metrics.get(name), ratio=words.metric(name).ratio) for name in names
    )
    assumed = "assumed" if is_assumed(rung.evaluation) else ""
    plain = Cell(show_usd(arm.cost_per_1000_usd), detail=assumed, muted=arm.cost_per_1000_usd is None)
    outcome = Cell("–") if mine else _outcome(result, arm.name)
    costs = (_cost_cell(rung, assumed),) if correct_rate(result) else ()
    return (label, *metrics, *costs, plain, outcome)


def _cost_cell(rung: Rung, assumed: str) -> Cell:
    if rung.cost.value is None:
        return Cell(words.NOT_MEASURED, detail=rung.cost.note, muted=True)
    value, _, span = _dollars(rung.cost).partition(" ")
    return Cell(value, detail="\n".join(part for part in (span.replace(" ", words.NBSP), assumed) if part))


def _outcome(result: RunResult, arm: str) -> Cell:
    """Return what the chosen arm is, compared with this one."""
    found = next((c for c in result.comparisons if c.baseline == arm), None)
    if found is None:
        return Cell("not compared", muted=True)
    if not found.verdict_allowed:
        return Cell("no verdict", muted=True)
    return Cell(outcome_of(found), detail="after correction" if found.adjusted else "")


def outcome_of(comparison: Comparison) -> str:
    """Return the outcome of a comparison, after the correction for several where there is one."""
    return (comparison.adjusted.outcome if comparison.adjusted else comparison.outcome) or "–"
