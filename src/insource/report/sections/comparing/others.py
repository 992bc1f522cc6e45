"""The section with the paired differences from all other arms, against the margin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from insource.evaluation.never_answered import described
from insource.report import charts, words
from insource.report.page import Block, Cell, Plot, Row, Section, Table
from insource.report.sections.comparing.primary import p_value, primary_comparison, sentences
from insource.report.sections.estimates import difference_axis, estimate_cell, point
from insource.report.sections.ladder import outcome_of
from insource.types import Comparison, Estimate, RunResult

COLUMNS = (
    "Comparison",
    "Candidate",
    "Baseline",
    "Difference",
    "Better · worse · same",
    "p, two-sided",
    "Outcome",
)

_RELATIONS = {
    "better": "is better than",
    "not worse": "is not worse, by the margin, than",
    "worse": "is worse than",
    "inconclusive": "cannot be told from",
    "not comparable": "is not comparable with",
    "no verdict": "gets no verdict against",
    "–": "has no outcome against",
}


def differences(result: RunResult) -> Section | None:
    """Return the section with one forest plot per metric and margin, the deciding metric first."""
    primary = primary_comparison(result)
    found = [comparison for comparison in result.comparisons if comparison is not primary]
    if not found:
        return None
    order = list(dict.fromkeys((c.metric, c.margin) for c in found))
    ranked = sorted(found, key=lambda c: order.index((c.metric, c.margin)))
    groups = [list(group) for _, group in groupby(ranked, key=lambda c: (c.metric, c.margin))]
    lead = (
        "Two arms are compared on the same documents; each document is one pair.",
        *_correction(found),
        *dict.fromkeys(described(gap) for c in found for gap in c.never_answered),
    )
    title = "Is the difference real?" if primary is None else "How does it compare with the other rungs?"
    blocks: list[Block] = [_forest(result, group) for group in groups]
    return Section("difference", title, lead, (*blocks, _in_words(ranked, words.arm_labels(result))))


def _correction(found: Sequence[Comparison]) -> tuple[str, ...]:
    adjusted = next((c.adjusted for c in found if c.adjusted), None)
    exploratory = next((c.standing for c in found if c.standing and c.standing.kind == "exploratory"), None)
    lines = []
    if adjusted is not None:
        lines.append(
            f"These {adjusted.family:,} comparisons are corrected for their number ({adjusted.method}): with "
            f"{adjusted.difference.confidence:.0%} confidence, all their intervals hold together."
        )
    if exploratory is not None:
        lines.append("They are exploratory: what they show is to be confirmed on documents not looked at.")
    return tuple(lines)


def shown(comparison: Comparison) -> Estimate:
    """Return the difference with its simultaneous interval where there is one."""
    return comparison.adjusted.difference if comparison.adjusted else comparison.difference


def _forest(result: RunResult, comparisons: Sequence[Comparison]) -> Plot:
    first, labels = comparisons[0], words.arm_labels(result)
    metric = words.metric(first.metric, result.gold)
    rows = [
        charts.DotRow(_pair(c, labels), (found,), words.gap(shown(c), ratio=metric.ratio))
        for c in comparisons
        if (found := point(shown(c), hollow=not c.verdict_allowed))
    ]
    tolerated = (0.0, first.margin) if metric.lower_is_better else (-first.margin, 0.0)
    values = [*charts.bounds(mark for row in rows for mark in row.points), *tolerated]
    axis = difference_axis(f"Difference in {words.inside(metric.label)}", values, ratio=metric.ratio)
    return Plot(
        question=f"Does {words.inside(metric.label)} differ?",
        answer=summarised(comparisons, labels),
        caption=_caption(first, comparisons),
        draw=lambda width: charts.dot_plot(rows, axis, width=width, zero=True, shaded=tolerated),
        table=Table(
            "The data", COLUMNS, [_row(c, labels) for c in comparisons], numeric=(1, 2, 3, 4, 5), folded=True
        ),
    )


def summarised(comparisons: Sequence[Comparison], labels: dict[str, str]) -> str:
    """Return who is better than whom in a sentence; what each comparison found stands in its own row."""
    found: dict[str, list[str]] = {}
    for one in comparisons:
        outcome = _RELATIONS[outcome_of(one) if one.verdict_allowed else "no verdict"]
        label = labels.get(one.candidate, one.candidate)
        found.setdefault(f"{label} {outcome}", []).append(labels.get(one.baseline, one.baseline))
    return "; ".join(f"{relation} {words.listed(names)}" for relation, names in found.items()) + "."


def _in_words(comparisons: Sequence[Comparison], labels: dict[str, str]) -> Table:
    rows: list[Row] = [(_pair(c, labels), sentences(c)) for c in comparisons]
    columns = ("Comparison", "Before the correction" if any(c.adjusted for c in comparisons) else "Found")
    return Table("Each comparison in words", columns, rows, folded=True)


def _pair(comparison: Comparison, labels: dict[str, str]) -> str:
    candidate, baseline = comparison.candidate, comparison.baseline
    return f"{labels.get(candidate, candidate)} − {labels.get(baseline, baseline)}"


def _caption(first: Comparison, comparisons: Sequence[Comparison]) -> str:
    side = "right of" if words.metric(first.metric).lower_is_better else "left of"
    counts = words.listed(f"{n:,}" for n in sorted({c.n for c in comparisons}))
    methods = "; ".join(sorted({shown(c).method for c in comparisons}))
    hollow = " Hollow marks allow no verdict." if any(not c.verdict_allowed for c in comparisons) else ""
    return (
        f"Candidate minus baseline, in points, {first.difference.confidence:.0%} two-sided intervals, "
        f"n = {counts} pairs. Shaded, {side} zero: losses of up to {first.margin * 100:.1f} points, the "
        f"margin of “not worse”.{hollow} Method: {methods}."
    )


def _row(comparison: Comparison, labels: dict[str, str]) -> Row:
    ratio, adjusted = words.metric(comparison.metric).ratio, comparison.adjusted
    outcome = outcome_of(comparison) if comparison.verdict_allowed else "no verdict"
    p = adjusted.p_value if adjusted else comparison.p_value
    test = f"{comparison.test}\nadjusted" if adjusted else comparison.test
    return (
        _pair(comparison, labels),
        estimate_cell(comparison.candidate_value, ratio=ratio),
        estimate_cell(comparison.baseline_value, ratio=ratio),
        Cell(words.gap(shown(comparison), ratio=ratio), detail=words.sample(comparison.n)),
        f"{comparison.better:,} · {comparison.worse:,} · {comparison.same:,}",
        Cell(p_value(p), detail=test),
        Cell(outcome, muted=not comparison.verdict_allowed),
    )
