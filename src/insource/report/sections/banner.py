"""The banner with the verdict: a word, a sentence, three numbers, and what would change it."""

from __future__ import annotations

from insource.evaluation.scoring.text import rests_on
from insource.foundation.money import show_usd
from insource.report import words
from insource.report.page import Banner, Cell
from insource.report.sections.comparing.others import shown
from insource.report.sections.comparing.primary import primary_comparison
from insource.report.sections.deciding.headline import BREAK_EVEN, WORDS, break_even
from insource.report.sections.estimates import estimate_cell
from insource.report.sections.ladder import outcome_of
from insource.types import Comparison, RunResult, Text


def banner(result: RunResult) -> Banner:
    """Return the banner at the top of the report."""
    verdict = result.verdict
    return Banner(
        outcome=verdict.outcome,
        word=WORDS[verdict.outcome],
        sentence=verdict.sentence,
        numbers=(_quality(result), _difference(result), _money(result)),
        reasons=verdict.reasons,
        flips_if=verdict.flips_if,
        warning=simulation_warning(result),
        basis=basis(result),
    )


def basis(result: RunResult) -> tuple[str, ...]:
    """Return what the verdict rests on: how it was registered, the labels, and for a text the metric."""
    lines = []
    first = primary_comparison(result)
    if first is not None and first.standing is not None and first.verdict_allowed:
        lines.append(f"{first.standing.kind.capitalize()}: {first.standing.reason}.")
    if result.gold is not None and result.gold.kind == "agreement":
        lines.append(result.gold.sentence)
    if isinstance(result.dataset.output, Text):
        lines.append(rests_on(words.primary_metric(result)))
    return tuple(lines)


def simulation_warning(result: RunResult) -> str:
    """Return the warning at the top of every report with a simulated arm, else an empty string."""
    names = [e.arm.name for e in result.evaluations if e.arm.simulated]
    if not names:
        return ""
    return (
        f"“{words.listed(names)}” is a simulated cloud: its answers are generated from a published error "
        "profile. Its cost and latency are assumed, and no verdict is given against it."
    )


def deciding_comparison(result: RunResult) -> Comparison | None:
    """Return the first comparison that allows a verdict, or None."""
    return next((c for c in result.comparisons if c.verdict_allowed), None)


def _quality(result: RunResult) -> tuple[str, Cell]:
    name, chosen = words.primary_metric(result), words.candidate(result)
    metric = words.metric(name, result.gold)
    if chosen is None:
        return metric.label, Cell(words.NOT_MEASURED, muted=True)
    title = f"{metric.label}, {words.arm_label(chosen.arm)}"
    return title, estimate_cell(chosen.metrics.get(name), ratio=metric.ratio)


def _difference(result: RunResult) -> tuple[str, Cell]:
    comparison = deciding_comparison(result)
    if comparison is None:
        return "Difference from the alternatives", Cell(
            words.NOT_MEASURED, detail="no comparison allows a verdict", muted=True
        )
    labels = words.arm_labels(result)
    title = f"Difference from {labels.get(comparison.baseline, comparison.baseline)}"
    ratio = words.metric(comparison.metric).ratio
    unit = "points" if ratio else ""
    value, _, interval = words.gap(shown(comparison), ratio=ratio).partition(" ")
    outcome = f"{outcome_of(comparison)} · " if comparison.outcome else ""
    return title, Cell(
        f"{value} {unit}".strip(), detail=f"{outcome}{interval} · {words.sample(comparison.n)} pairs"
    )


def _money(result: RunResult) -> tuple[str, Cell]:
    if result.decision is not None:
        return BREAK_EVEN, break_even(result.decision.own)
    economics = result.break_even
    volume = words.finite(economics.documents_per_month)
    costs = (
        f"per 1,000: cloud {show_usd(economics.cloud_per_1000_usd)}, "
        f"local {show_usd(economics.local_per_1000_usd)}"
    )
    if volume is None:
        return "Break-even", Cell("none", detail=economics.reason or costs, muted=True)
    return "Break-even", Cell(f"{volume:,.0f} a month", detail=f"documents · {costs}")
