"""The section with the paired differences, against the margin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from insource.evaluation.never_answered import described
from insource.report import charts, vega, words
from insource.report.page import Cell, Plot, Row, Section, Table
from insource.report.sections.estimates import point
from insource.types import Comparison, RunResult

COLUMNS = (
    "Comparison",
    "Candidate",
    "Baseline",
    "Difference",
    "Better · worse · same",
    "p, two-sided",
    "Outcome",
)


def differences(result: RunResult) -> Section | None:
    """Return the section with one forest plot per metric and margin, the deciding metric first."""
    if not result.comparisons:
        return None
    order = list(dict.fromkeys((c.metric, c.margin) for c in result.comparisons))
    ranked = sorted(result.comparisons, key=lambda c: order.index((c.metric, c.margin)))
    groups = [list(group) for _, group in groupby(ranked, key=lambda c: (c.metric, c.margin))]
    lead = (
        "Two arms are compared on the same documents; each document is one pair.",
        *dict.fromkeys(described(found) for c in result.comparisons for found in c.never_answered),
    )
    blocks = tuple(_forest(group, words.arm_labels(result)) for group in groups)
    return Section("difference", "Is the difference real?", lead, blocks)


def _forest(comparisons: Sequence[Comparison], labels: dict[str, str]) -> Plot:
    first = comparisons[0]
    metric = words.metric(first.metric)
    drawn = [
        (charts.DotRow(_pair(c, labels), (found,), words.difference(c)), found)
        for c in comparisons
        if (found := point(c.difference, hollow=not c.verdict_allowed))
    ]
    rows = [row for row, _ in drawn]
    bounds = [bound for _, p in drawn for bound in (p.value, p.low, p.high) if bound is not None]
    tolerated = (0.0, first.margin) if metric.lower_is_better else (-first.margin, 0.0)
    title = f"Difference in {metric.label.lower()}"
    axis = vega.ratio_axis(title, [*bounds, *tolerated], floor=-1.0, ceiling=1.0)
    signed = vega.Axis(
        f"{title}, points",
        axis.domain,
        expression="datum.value == 0 ? '0' : format(datum.value * 100, '+~r')",
    )
    return Plot(
        question=f"Does {metric.label.lower()} differ?",
        answer="\n".join(_sentence(c) for c in comparisons),
        caption=_caption(first, comparisons),
        draw=lambda width: charts.dot_plot(rows, signed, width=width, zero=True, shaded=tolerated),
        table=Table(
            "The data", COLUMNS, [_row(c, labels) for c in comparisons], numeric=(1, 2, 3, 4, 5), folded=True
        ),
    )


def _pair(comparison: Comparison, labels: dict[str, str]) -> str:
    candidate, baseline = comparison.candidate, comparison.baseline
    return f"{labels.get(candidate, candidate)} − {labels.get(baseline, baseline)}"


def _sentence(comparison: Comparison) -> str:
    sentence = comparison.sentence.strip()
    if sentence and sentence[-1] not in ".!?":
        sentence += "."
    if comparison.outcome == "inconclusive" and comparison.required_n and "settle" not in sentence:
        sentence += f" About {comparison.required_n:,} documents would decide it."
    more = (one.sentence for one in (comparison.other_question, comparison.mix) if one is not None)
    return " ".join(part for part in (sentence, *more) if part)


def _caption(first: Comparison, comparisons: Sequence[Comparison]) -> str:
    side = "right of" if words.metric(first.metric).lower_is_better else "left of"
    counts = words.listed(f"{n:,}" for n in sorted({c.n for c in comparisons}))
    methods = "; ".join(sorted({c.difference.method for c in comparisons}))
    hollow = " Hollow marks allow no verdict." if any(not c.verdict_allowed for c in comparisons) else ""
    return (
        f"Candidate minus baseline, in points, {first.difference.confidence:.0%} two-sided intervals, "
        f"n = {counts} pairs. Shaded, {side} zero: losses of up to {first.margin * 100:.1f} points, the "
        f"margin of “not worse”.{hollow} Method: {methods}."
    )


def _row(comparison: Comparison, labels: dict[str, str]) -> Row:
    ratio = words.metric(comparison.metric).ratio
    p = "–" if comparison.p_value is None else _p(comparison.p_value)
    outcome = (comparison.outcome or "–") if comparison.verdict_allowed else "no verdict"
    return (
        _pair(comparison, labels),
        words.value(comparison.candidate_value, ratio=ratio),
        words.value(comparison.baseline_value, ratio=ratio),
        Cell(words.difference(comparison), detail=words.sample(comparison.n)),
        f"{comparison.better:,} · {comparison.worse:,} · {comparison.same:,}",
        Cell(p, detail=comparison.test),
        Cell(outcome, muted=not comparison.verdict_allowed),
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
