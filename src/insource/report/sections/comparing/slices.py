"""The section on slices: on which documents the candidate may lose although it does not lose overall."""

from __future__ import annotations

from insource.report import charts, words
from insource.report.page import Cell, LegendKey, Plot, Row, Section, Table
from insource.report.sections.comparing.primary import p_value
from insource.report.sections.estimates import difference_axis, difference_cell, point
from insource.types import RunResult
from insource.types.comparison import SliceFinding, Slices

DRAWN = 20
KINDS = ("no sign of a loss", "possible regression")


def slices(result: RunResult) -> Section | None:
    """Return the section with the paired difference on every slice, the worst first; None without any."""
    found = result.slices
    if found is None:
        return None
    if not found.found:
        return Section("slices", "Where is it better or worse?", (found.sentence,))
    lead = (
        "The slices were found without anybody asking for them, so each is a hint to be checked on new "
        "documents.",
    )
    return Section("slices", "Where is it better or worse?", lead, (_plot(result, found),))


def _plot(result: RunResult, found: Slices) -> Plot:
    metric, labels = words.metric(found.metric, result.gold), words.arm_labels(result)
    pair = tuple(labels.get(name, name) for name in (found.candidate, found.baseline))
    rows = [
        charts.DotRow(_name(one), (mark,), f"{words.gap(one.difference)}, n = {one.n:,}")
        for one in found.found[:DRAWN]
        if (mark := point(one.difference, series=int(one.regression)))
    ]
    values = [0.0, *charts.bounds(mark for row in rows for mark in row.points)]
    axis = difference_axis(f"Difference in {words.inside(metric.label)}", values, ratio=metric.ratio)
    shown = f"The {DRAWN} worst of {len(found.found)} slices" if len(found.found) > DRAWN else "All slices"
    methods = words.methods(one.difference for one in found.found)
    sizes = sorted({one.n for one in found.found})
    span = " to ".join(f"{n:,}" for n in dict.fromkeys((sizes[0], sizes[-1])))
    small = f" Left out: {found.too_small:,} with fewer documents." if found.too_small else ""
    return Plot(
        question=f"On which documents does {pair[0]} differ from {pair[1]}?",
        answer=found.sentence,
        caption=f"{shown} with at least {found.min_n} documents, n = {span}, the worst first; {pair[0]} "
        f"minus {pair[1]}. A field is compared by its own accuracy. Intervals are not corrected; a possible "
        f"regression is, by Benjamini and Hochberg over all slices.{small} Method: {methods}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width, zero=True),
        table=Table(
            "The data",
            ("Slice", *pair, "Difference", "p", "q, corrected", "Finding"),
            [_row(one, ratio=metric.ratio) for one in found.found],
            (1, 2, 3, 4, 5),
            folded=True,
        ),
        legend=tuple(
            LegendKey(charts.colour(series), charts.glyph(series), name) for series, name in enumerate(KINDS)
        ),
    )


def _name(one: SliceFinding) -> str:
    return f"{one.kind}: {one.name}"


def _row(one: SliceFinding, *, ratio: bool) -> Row:
    values = (one.candidate_value, one.baseline_value)
    return (
        _name(one),
        *(words.percent(value) if ratio else words.number(value) for value in values),
        difference_cell(one.difference, ratio=ratio),
        p_value(one.p_value),
        p_value(one.q_value),
        Cell("possible regression" if one.regression else "–", muted=not one.regression),
    )
