"""The section on what was not measured, and why."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Row, Section, Table
from insource.types import RunResult


def not_measured(result: RunResult) -> Section | None:
    """Return the section with every arm, part and figure that is missing, each with its reason."""
    rows: list[Row] = [(name, "the whole arm", reason) for name, reason in result.skipped_arms.items()]
    for evaluation in result.evaluations:
        label = words.arm_label(evaluation.arm)
        if evaluation.arm.cost_per_1000_usd is None:
            rows.append((label, "its cost", evaluation.arm.cost_basis or "no price is known"))
        if evaluation.stopped:
            rows.append((label, "some of the documents", evaluation.stopped))
        if evaluation.unscored:
            rows.append((label, f"{evaluation.unscored:,} documents", _reasons(evaluation.failures)))
        rows += [
            (label, words.metric(name, result.gold).label, estimate.note)
            for name, estimate in evaluation.metrics.items()
            if not estimate.measured and estimate.note
        ]
    if result.slices is not None:
        rows += [("slices", what, why) for what, why in sorted(result.slices.not_made.items())]
    if not rows:
        return None
    table = Table("Missing, with the reason", ("Arm", "What", "Why"), rows)
    return Section("not-measured", "What was not measured, and why?", blocks=(table,))


def _reasons(failures: dict[str, int]) -> str:
    reasons = words.listed(f"{reason} {count:,}" for reason, count in sorted(failures.items()))
    return reasons or "they could not be scored"
