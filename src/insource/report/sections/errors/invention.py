"""The section on invention: values that the label, or the document, does not have."""

from __future__ import annotations

from collections.abc import Sequence

from insource.report import charts, vega, words
from insource.report.page import Cell, LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import arm_cell, estimate_cell, is_assumed, point
from insource.types import Evaluation, FieldGrounding, RunResult

RATES = (
    "hallucination_rate",
    "invented_per_null_slot",
    "invented_per_document",
    "unsupported_rate",
    "source_invention_rate",
)
DRAWN = 20
SERIES = ("not found in the document", "invented, after correction")


def invention(result: RunResult) -> Section | None:
    """Return the section with both rates of invention and the measured power by field; None without any."""
    names = [name for name in RATES if any(name in e.metrics for e in result.evaluations)]
    if not names or all(name not in names for name in ("hallucination_rate", "unsupported_rate")):
        return None
    rows: list[Row] = [
        (
            arm_cell(e, model=False),
            *(estimate_cell(e.metrics.get(name), ratio=words.metric(name).ratio) for name in names),
        )
        for e in result.evaluations
    ]
    columns = ("Arm", *(words.metric(name).label for name in names))
    table = Table("By label and by document", columns, rows, tuple(range(1, len(columns))))
    chosen = words.candidate(result)
    plot = _by_field(chosen) if chosen is not None and chosen.grounding else None
    lead: tuple[str, ...] = ("A value is invented by the label when the label is empty there.",)
    if "unsupported_rate" in names:
        lead += (
            "By the document, it is invented when nothing in the document supports it. Support is not proof "
            "of being right, and how well it can be told is measured for each field.",
        )
    return Section("invention", "Does it invent values?", lead, (table, plot) if plot else (table,))


def _by_field(chosen: Evaluation) -> Plot:
    label = words.arm_label(chosen.arm)
    ranked = sorted(chosen.grounding, key=lambda one: (-(one.invented.value or -1.0), one.path))
    rows = [
        charts.DotRow(one.path, marks, one.not_judged and "not judged")
        for one in ranked[:DRAWN]
        if (marks := _marks(one, hollow=is_assumed(chosen)))
    ]
    axis = vega.ratio_axis("Share of the values", charts.bounds(mark for row in rows for mark in row.points))
    columns = ("Field", "Values", "Not found", "Labels not found", "Others' values found", "Invented")
    return Plot(
        question=f"In which fields does {label} give values that the document does not have?",
        answer=_answer(label, ranked),
        caption="The observed share of values that the document does not hold, and the same corrected for "
        "the measured errors of the search: labels that are not found, and values of other documents that "
        f"are. 95 % intervals, n = {sum(one.values for one in ranked):,} values. Method: {_methods(ranked)}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width),
        table=Table("The data", columns, [_row(one) for one in ranked], (1, 2, 3, 4, 5), folded=True),
        legend=tuple(
            LegendKey(charts.colour(series), charts.glyph(series), name) for series, name in enumerate(SERIES)
        ),
    )


def _marks(one: FieldGrounding, *, hollow: bool) -> tuple[charts.Point, ...]:
    drawn = (
        point(one.unsupported, series=0, hollow=hollow),
        point(one.invented, series=1, hollow=hollow),
    )
    return tuple(mark for mark in drawn if mark)


def _answer(label: str, ranked: Sequence[FieldGrounding]) -> str:
    judged = [one for one in ranked if not one.not_judged and one.invented.value is not None]
    silent = len(ranked) - len(judged)
    unjudged = f" {silent} of {len(ranked)} fields cannot be judged this way." if silent else ""
    if not judged:
        return f"No field can be judged by its document.{unjudged}"
    worst = judged[0]
    if not worst.invented.value:
        return (
            f"In none of {len(judged)} fields: {words.described(worst.invented)} in {worst.path}.{unjudged}"
        )
    return f"Most in {worst.path}: {words.described(worst.invented)}.{unjudged}"


def _methods(ranked: Sequence[FieldGrounding]) -> str:
    return words.methods(found for one in ranked for found in (one.unsupported, one.invented))


def _row(one: FieldGrounding) -> Row:
    shares = (estimate_cell(found) for found in (one.unsupported, one.false_alarm, one.miss))
    tiers = ", ".join(f"{tier} {count:,}" for tier, count in one.tiers.items())
    invented = Cell("not judged", detail=one.not_judged, muted=True) if one.not_judged else None
    return (one.path, Cell(f"{one.values:,}", detail=tiers), *shares, invented or estimate_cell(one.invented))
