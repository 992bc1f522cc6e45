"""Render the short report for a pull request or a chat: verdict, arms and comparisons."""

from __future__ import annotations

import re
from collections.abc import Iterable

from insource.foundation.money import show_usd
from insource.report import words
from insource.report.sections.banner import WORDS, simulation_warning
from insource.types import NOT_MEASURED, Evaluation, RunResult

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~!&])")


def render_markdown(result: RunResult) -> str:
    """Return verdict, table of arms with intervals, and comparisons as sentences, in GitHub's Markdown."""
    shown = RunResult.model_validate(words.visible(result.model_dump()))
    headline = words.headline_metrics(shown)
    columns = ("Arm", "n", *(words.metric(name).label for name in headline), "p50", "p95", "Cost per 1,000")
    verdict = shown.verdict
    lines = [
        f"### {WORDS[verdict.outcome]}: {_text(verdict.sentence)}",
        "",
        *(f"- {_text(reason)}" for reason in verdict.reasons),
        *(f"- Would change the verdict: {_text(flip)}" for flip in verdict.flips_if),
        "",
        _row(columns),
        _row("---" if index == 0 else "--:" for index in range(len(columns))),
        *(_row(_cells(evaluation, headline)) for evaluation in shown.evaluations),
        *(_row((_text(name), *[words.NOT_MEASURED] * (len(columns) - 1))) for name in shown.skipped_arms),
        "",
    ]
    if warning := simulation_warning(shown):
        lines += [f"> {_text(warning)}", ""]
    lines += [f"- {_text(comparison.sentence)}" for comparison in shown.comparisons if comparison.sentence]
    lines += [
        "",
        f"{_text(shown.break_even.sentence)}",
        "",
        f"Run `{shown.run_id.replace('`', '')}`, test split evaluated {shown.test_looks:,} times, "
        f"seed {shown.seed}, Insource {_text(shown.insource_version)}.",
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _cells(evaluation: Evaluation, headline: Iterable[str]) -> tuple[str, ...]:
    assumed = " (assumed)" if evaluation.arm.simulated else ""
    metrics = []
    for name in headline:
        estimate, ratio = evaluation.metrics.get(name, NOT_MEASURED), words.metric(name).ratio
        metrics.append(
            f"{words.value(estimate, ratio=ratio)} {words.interval(estimate, ratio=ratio)}".strip()
        )
    latencies = []
    for name in ("p50", "p95"):
        value = words.finite(evaluation.latency_s.get(name, NOT_MEASURED).value)
        latencies.append(words.NOT_MEASURED if value is None else words.seconds(value) + assumed)
    cost = evaluation.arm.cost_per_1000_usd
    shown_cost = show_usd(cost) + (assumed if cost is not None else "")
    return (_text(words.arm_label(evaluation.arm)), f"{evaluation.n:,}", *metrics, *latencies, shown_cost)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(content: str) -> str:
    """Return the text on one line, with Markdown and HTML markup escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(content.split()))
