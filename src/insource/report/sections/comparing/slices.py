"""The section on slices: on which documents the candidate may lose although it does not lose overall."""

from __future__ import annotations

from insource.report import charts, words
from insource.report.page import Cell, LegendKey, Plot, Row, Section, Table
from insource.report.sections.comparing.primary import p_value
from insource.report.sections.estimates import difference_axis, difference_cell, point
from insource.types import RunResult
from insource.types.comparison import SliceFinding, Slices

DRAWN = 20
NAMED = 4
SURE = 0.05
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


def added(result: RunResult) -> Section | None:
    """Return the section on what the tuned language model adds over the best model without one."""
    found = result.added
    if found is None:
        return None
    title = "What does the language model add?"
    if not found.found:
        return Section("added", title, (found.sentence,))
    return Section("added", title, (_gains(result, found),), (_plot(result, found),))


def _gains(result: RunResult, found: Slices) -> str:
    """Say on how many slices, and on which, the language model is better and worse."""
    labels = words.arm_labels(result)
    candidate, baseline = (labels.get(name, name) for name in (found.candidate, found.baseline))
    sure = [one for one in found.found if one.q_value is not None and one.q_value <= SURE]
    worse = [_name(one) for one in sure if one.regression]
    better = [_name(one) for one in sure if not one.regression and one.difference.value]
    said = [
        f"{relation} on {len(names)} ({words.listed(names[:NAMED])}{', …' if len(names) > NAMED else ''})"
        for relation, names in (("better", better), ("worse", worse))
        if names
    ]
    verdict = " and ".join(said) if said else "shows no difference on any"
    return (
        f"Of {len(found.found)} slices and fields, {candidate} {'is ' if said else ''}{verdict} "
        f"against {baseline}, the best arm without a language model; by p-values corrected over all of them "
        f"({SURE:.0%}, Benjamini and Hochberg)."
    )


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
