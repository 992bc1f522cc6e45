"""Render the report as Markdown, for a pull request, a chat or a terminal.

It starts with the summary: verdict, the ladder and the comparisons. All sections of the page follow, a plot
as its question, answer and table, so that a reader who stops anywhere has read the most important part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from insource.foundation.money import show_usd
from insource.report import markup, words
from insource.report.page import Block, Section, Table
from insource.report.sections.banner import basis, simulation_warning
from insource.report.sections.contents import sections
from insource.report.sections.deciding.headline import WORDS, headline_numbers
from insource.types import NOT_MEASURED, Evaluation, RunResult

LONGEST = 1500  # letters of a document: the page has all of it


def render_markdown(result: RunResult) -> str:
    """Return the summary and every section of the report, in GitHub's Markdown."""
    shown = RunResult.model_validate(words.visible(result.model_dump()))
    lines = [*_summary(shown)]
    for section in sections(shown):
        lines += _section(section)
    lines += [
        "",
        f"Run `{shown.run_id.replace('`', '')}`, test split evaluated {shown.test_looks:,} times, "
        f"seed {shown.seed}, Insource {markup.text(shown.insource_version)}.",
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _summary(shown: RunResult) -> Iterator[str]:
    headline = words.headline_metrics(shown)
    labels = (words.metric(name, shown.gold).label for name in headline)
    columns = ("Arm", "n", *map(markup.text, labels), "p50", "p95", "Cost per 1,000")
    verdict = shown.verdict
    yield f"### {WORDS[verdict.outcome]}: {markup.text(verdict.sentence)}"
    yield ""
    yield from (f"- {markup.text(reason)}" for reason in verdict.reasons)
    yield from (f"- Would change the verdict: {markup.text(flip)}" for flip in verdict.flips_if)
    yield from (f"- {markup.text(line)}" for line in basis(shown))
    yield from ("", markup.row(columns), markup.rule(len(columns), range(1, len(columns))))
    yield from (markup.row(_cells(evaluation, headline)) for evaluation in shown.evaluations)
    yield from (
        markup.row((markup.text(name), *[words.NOT_MEASURED] * (len(columns) - 1)))
        for name in shown.skipped_arms
    )
    yield ""
    if warning := simulation_warning(shown):
        yield from (f"> {markup.text(warning)}", "")
    yield from (
        f"- {markup.text(comparison.sentence)}" for comparison in shown.comparisons if comparison.sentence
    )
    yield from ("", *_money(shown), "")


def _money(shown: RunResult) -> Iterator[str]:
    """Yield the three numbers of the decision, or the first look at the break-even volume without one."""
    if shown.decision is None:
        yield markup.text(shown.break_even.sentence)
        return
    names, numbers = zip(*headline_numbers(shown.decision), strict=True)
    yield from markup.table(Table("", names, [numbers]))


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {markup.text(section.title)}", "")
    for paragraph in section.lead:
        yield from (markup.text(paragraph), "")
    for block in section.blocks:
        yield from _block(block)
        yield ""


def _block(block: Block) -> Iterator[str]:
    if block.kind == "table":
        head = (f"#### {markup.text(block.caption)}", "") if block.caption else ()
        yield from (*head, *markup.table(block))
    elif block.kind == "plot":
        yield from (f"#### {markup.text(block.question)}", "")
        yield from (markup.text(line) + "  " for line in block.answer.splitlines())
        yield from ("", f"*{markup.text(block.caption)}*", "", *markup.table(block.table))
    elif block.kind == "example":
        yield from (f"#### {markup.text(block.title)} {markup.text(block.explanation)}".rstrip(), "")
        cut = " …" if len(block.document) > LONGEST else ""
        yield from (f"> {markup.text(block.document[:LONGEST])}{cut}", "", *markup.table(block.table))
    elif block.kind == "folded":
        yield from (f"#### {markup.text(block.summary)}", "")
        for inner in block.blocks:
            yield from (*_block(inner), "")
    else:
        if block.heading:
            yield from (f"#### {markup.text(block.heading)}", "")
        if block.kind == "bullets":
            yield from (f"- {markup.text(item)}" for item in block.items)
        else:
            yield from (f"- **{markup.text(name)}**: {markup.text(meaning)}" for name, meaning in block.items)


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
    return (
        markup.text(words.arm_label(evaluation.arm)),
        f"{evaluation.n:,}",
        *metrics,
        *latencies,
        shown_cost,
    )
