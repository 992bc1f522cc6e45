"""The section on the primary comparison: both questions, its registration, and whether it is confirmatory."""

from __future__ import annotations

from insource.evaluation.never_answered import described
from insource.report import charts, words
from insource.report.page import Cell, Plot, Row, Section, Table, Terms
from insource.report.sections.estimates import difference_axis, difference_cell, point
from insource.types import Comparison, Estimate, RunResult
from insource.types.comparison import Question, Registration

ASKED: dict[Question, str] = {"documents": "On documents like these", "groups": "On groups to come"}


def primary_comparison(result: RunResult) -> Comparison | None:
    """Return the comparison that was chosen before the test split was read; None in results without one."""
    if not result.comparisons or (result.choice is None and result.registration is None):
        return None
    return result.comparisons[0]


def primary(result: RunResult) -> Section | None:
    """Return the section with the one comparison that decides, in both questions that may be asked of it."""
    found = primary_comparison(result)
    if found is None:
        return None
    gaps = (described(gap) for gap in found.never_answered)
    lead = [gap for gap in gaps if gap not in found.sentence]
    if not found.verdict_allowed:
        lead.insert(0, "The cloud is simulated, so nothing is concluded from this comparison.")
    elif found.standing is not None:
        lead.insert(0, f"This comparison is {found.standing.kind}: {found.standing.reason}.")
    blocks: list[Plot | Terms] = [_plot(result, found)]
    if result.registration is not None:
        blocks.append(Terms("Registered before the test split was read", _registered(result.registration)))
    labels = words.arm_labels(result)
    ours, theirs = (labels.get(name, name) for name in (found.candidate, found.baseline))
    return Section("primary", f"Is {ours} as good as {theirs}?", tuple(lead), tuple(blocks))


def sentences(comparison: Comparison) -> str:
    """Return what a comparison found, one paragraph a question."""
    sentence = comparison.sentence.strip()
    if sentence and sentence[-1] not in ".!?":
        sentence += "."
    if comparison.outcome == "inconclusive" and comparison.required_n and "settle" not in sentence:
        sentence += f" About {comparison.required_n:,} documents would decide it."
    more = (one.sentence for one in (comparison.other_question, comparison.mix) if one is not None)
    return "\n".join(part for part in (sentence, *more) if part)


def _plot(result: RunResult, found: Comparison) -> Plot:
    metric, labels = words.metric(found.metric, result.gold), words.arm_labels(result)
    ours, theirs = (labels.get(name, name) for name in (found.candidate, found.baseline))
    views = _views(found)
    drawn = [
        charts.DotRow(name, (mark,), words.gap(estimate, ratio=metric.ratio))
        for name, estimate, *_ in views
        if (mark := point(estimate, hollow=not found.verdict_allowed))
    ]
    tolerated = (0.0, found.margin) if metric.lower_is_better else (-found.margin, 0.0)
    title = f"Difference in {words.inside(metric.label)}"
    values = [*charts.bounds(mark for row in drawn for mark in row.points), *tolerated]
    axis = difference_axis(title, values, ratio=metric.ratio)
    rows: list[Row] = [
        (name, difference_cell(estimate, ratio=metric.ratio), Cell(outcome), p, method)
        for name, estimate, outcome, p, method in views
    ]
    columns = ("Question", "Difference", "Outcome", "p, two-sided", "Method")
    return Plot(
        question=f"How far apart are they in {words.inside(metric.label)}?",
        answer=sentences(found),
        caption=_caption(found, ours, theirs, metric.lower_is_better),
        draw=lambda width: charts.dot_plot(drawn, axis, width=width, zero=True, shaded=tolerated),
        table=Table("The data", columns, rows, numeric=(1, 3), folded=True),
    )


def _views(found: Comparison) -> list[tuple[str, Estimate, str, str, str]]:
    """Return the answers to the questions: name, difference, outcome, p-value and method."""
    outcome = (found.outcome or "–") if found.verdict_allowed else "no verdict"
    views: list[tuple[str, Estimate, str, str, str]] = [
        (ASKED[found.question], found.difference, outcome, p_value(found.p_value), found.test)
    ]
    if (other := found.other_question) is not None:
        name, by = ASKED[other.question], f"{other.test}; {other.weighting}".rstrip("; ")
        views.append((name, other.difference, other.outcome, p_value(other.p_value), by))
    if found.mix is not None and found.mix.difference is not None:
        mixed = found.mix.difference
        views.append(("Unseen groups in the expected share", mixed, "–", "–", mixed.method))
    return views


def _caption(found: Comparison, ours: str, theirs: str, lower_is_better: bool) -> str:
    side = "right of" if lower_is_better else "left of"
    counts = f"{found.better:,} better, {found.worse:,} worse, {found.same:,} the same"
    text = (
        f"{ours} minus {theirs}, {found.difference.confidence:.0%} two-sided intervals, "
        f"n = {found.n:,} pairs ({counts}). Shaded, {side} zero: losses of up to "
        f"{found.margin * 100:.1f} points, the margin of “not worse”. Method: {found.test}."
    )
    return text if found.verdict_allowed else f"{text} Hollow marks allow no verdict."


def p_value(value: float | None) -> str:
    """Format a p-value."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _registered(found: Registration) -> tuple[tuple[str, str], ...]:
    question = ASKED[found.question].lower()
    test = f", by {found.group_test}" if found.question == "groups" else ""
    return (
        ("Comparison", f"{found.candidate} with {found.baseline}"),
        ("Metric", found.metric.replace("_", " ")),
        ("Margin", f"{found.margin * 100:.1f} points"),
        ("Level", f"{found.alpha:.0%} two-sided"),
        ("Question", f"{question}{test}"),
        ("Stop rule", found.stop_rule),
        ("Registered at", found.registered_at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Test split", found.test_digest),
    )
