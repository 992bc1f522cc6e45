"""The section on labels: which are hard, and which are confused with which."""

from __future__ import annotations

from collections.abc import Sequence

from insource.report import charts, vega, words
from insource.report.page import Block, Plot, Row, Section, Table
from insource.report.sections.estimates import estimate_cell, is_assumed, point
from insource.types import ClassMetrics, Evaluation, RunResult

DRAWN = 20
CONFUSIONS = 15


def labels(result: RunResult) -> Section | None:
    """Return the section with the figures by label and the most frequent confusions; None without labels."""
    chosen = words.candidate(result)
    if chosen is None or not chosen.classes:
        return None
    shown = [one for one in _arms(result, chosen) if one.confusion]
    blocks: list[Block] = [_by_label(chosen)]
    blocks += [table for one in shown if (table := _confusions(one)) is not None]
    return Section("labels", "Which labels are hard?", _scope(shown), tuple(blocks))


def _arms(result: RunResult, chosen: Evaluation) -> list[Evaluation]:
    """Return the chosen arm and the one of the first comparison."""
    baseline = next((c.baseline for c in result.comparisons), "")
    return [chosen, *(e for e in result.evaluations if e.arm.name == baseline and e is not chosen)]


def _scope(shown: Sequence[Evaluation]) -> tuple[str, ...]:
    lines = []
    for one in shown:
        recall = one.metrics.get("out_of_scope_recall")
        precision = one.metrics.get("out_of_scope_precision")
        if recall is not None and precision is not None and recall.measured:
            lines.append(
                f"{words.arm_label(one.arm)} recognises {words.described(recall)} of the documents that fit "
                f"no label; of those it calls so, {words.described(precision)} are."
            )
    return tuple(lines)


def _by_label(chosen: Evaluation) -> Plot:
    label = words.arm_label(chosen.arm)
    known = [one for one in chosen.classes if one.n and one.recall.value is not None]
    ranked = sorted(known, key=lambda one: (one.recall.value or 0.0, one.label))
    rows = [
        charts.DotRow(one.label, (mark,), f"{words.percent(one.recall.value)}, n = {one.n:,}")
        for one in ranked[:DRAWN]
        if (mark := point(one.recall, hollow=is_assumed(chosen)))
    ]
    axis = vega.ratio_axis("Recall", charts.bounds(mark for row in rows for mark in row.points))
    methods = words.methods(one.recall for one in ranked)
    cut = f"The {DRAWN} hardest of {len(ranked)} labels" if len(ranked) > DRAWN else "All labels"
    return Plot(
        question=f"Which labels does {label} miss?",
        answer=_hardest(label, ranked),
        caption=f"{cut}, the hardest first: the share of a label's documents that got it, with 95 % "
        f"intervals; n = {chosen.n:,} documents in all. Method: {methods}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width),
        table=Table(
            "The data",
            ("Label", "Documents", "Answered", "Precision", "Recall", "F1"),
            [_row(one) for one in chosen.classes],
            (1, 2, 3, 4, 5),
            folded=True,
        ),
    )


def _hardest(label: str, ranked: Sequence[ClassMetrics]) -> str:
    if not ranked:
        return "No label has a document."
    worst = ranked[0]
    if worst.recall.value == 1:
        return f"{label} misses no document of any label."
    return f"{label} is weakest on {worst.label}: {words.described(worst.recall)}."


def _row(one: ClassMetrics) -> Row:
    figures = (estimate_cell(found) for found in (one.precision, one.recall, one.f1))
    return (one.label, f"{one.n:,}", f"{one.answered:,}", *figures)


def _confusions(evaluation: Evaluation) -> Table | None:
    """Return the most frequent confusions; a matrix of many labels shows nothing."""
    totals = {gold: sum(row.values()) for gold, row in evaluation.confusion.items()}
    pairs = [
        (count, gold, said)
        for gold, row in evaluation.confusion.items()
        for said, count in row.items()
        if said != gold and count
    ]
    if not pairs:
        return None
    pairs.sort(key=lambda one: (-one[0], one[1], one[2]))
    rows: list[Row] = [
        (gold, said, f"{count:,} of {totals[gold]:,}") for count, gold, said in pairs[:CONFUSIONS]
    ]
    errors = sum(count for count, _, _ in pairs)
    caption = f"What {words.arm_label(evaluation.arm)} confuses: "
    caption += f"{sum(count for count, _, _ in pairs[:CONFUSIONS]):,} of its {errors:,} errors"
    return Table(caption, ("Label", "Answered", "Documents of the label"), rows, (2,))
