"""The section on the data: the learning curve, how many more examples, the test's power, what to label."""

from __future__ import annotations

from collections.abc import Iterator

from insource.report import charts, units, vega, words
from insource.report.page import Block, Bullets, Cell, LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import point
from insource.types import Estimate
from insource.types.decided import Decision
from insource.types.sufficiency import CurveShape, LearningCurve, Needed, PowerOfTest, Queued

QUEUED = 20  # rows of the queue; the review shows all


def enough_data(decision: Decision) -> Section | None:
    """Return the section on what more data would bring and what to label next; None where nobody looked."""
    found = decision.sufficiency
    if found is None:
        return None
    lead = [one.sentence for one in found.needed if one.part == "all"]
    blocks: list[Block] = []
    if found.curve is not None:
        curve = found.curve
        refused = f"More than was measured is not predicted: {curve.refused}." if curve.refused else ""
        shape = curve.shape.sentence if len(curve.points) < 2 else ""
        trained = f"{curve.arm} was trained on parts of the rows ({curve.source}). {curve.reason}"
        lead += [shape, refused.replace("..", "."), trained]
        blocks += _curve(curve)
    if found.needed:
        blocks.append(_needed(found.needed))
    lead.append(found.power.sentence)
    blocks.append(_figures("What the test set can show", [*_power(found.power)]))
    if found.power.required is not None:
        blocks.append(Bullets("Needed for a power of 0.8", (found.power.required.words,)))
    blocks += _queue(found.to_label)
    if found.unknown:
        blocks.append(Table("Unknown", ("What", "Why"), [*found.unknown.items()], cards=True))
    return Section("enough-data", "How many documents are needed?", tuple(filter(None, lead)), tuple(blocks))


def _curve(curve: LearningCurve) -> Iterator[Block]:
    unit = "share" if words.metric(curve.metric).ratio else ""
    label = words.metric(curve.metric).label
    rows: list[Row] = [
        (f"{one.rows:,}", "measured", units.cell(one.quality, unit), f"{one.trainings:,}")
        for one in curve.points
    ]
    rows += [(f"{one.rows:,}", "predicted", units.cell(one.quality, unit), "–") for one in curve.predictions]
    table = Table("The data", ("Examples", "What", label, "Trainings"), rows, (0, 2, 3), folded=True)
    if len(curve.points) > 1:
        yield _plot(curve, table)
    elif rows:
        yield table
    yield _shape(curve.shape)
    figures: list[tuple[str, Estimate, str]] = []
    if curve.doubling is not None:
        twice = curve.doubling
        points = units.bare(twice.delta, "points").lstrip("+")
        figures = [
            (f"Gain of {twice.rows:,} examples, twice as many", twice.gain, "points"),
            (f"Probability that they gain {points} points or more", twice.probability, "share"),
            ("Labels for one point more", twice.usd_per_point, "USD"),
        ]
    if curve.fit is not None:
        fit = curve.fit
        figures += [
            ("Error that no data removes", fit.floor, unit),
            ("Scale of the law", fit.scale, ""),
            ("Exponent of the law", fit.exponent, ""),
        ]
    if figures:
        yield _figures("What twice the examples would bring, and the law behind it", figures)


def _shape(shape: CurveShape) -> Table:
    p_values = ("–" if value is None else units.plain(value) for value in (shape.monotone_p, shape.convex_p))
    columns = ("Shape", "p, more never worse", "p, each helps less", "Method")
    rows: list[Row] = [(shape.verdict, *p_values, shape.method or "–")]
    return Table("The shape of the curve, tested before anything is predicted", columns, rows, (1, 2), True)


def _plot(curve: LearningCurve, table: Table) -> Plot:
    label = words.metric(curve.metric).label
    measured = [(one.rows, mark) for one in curve.points if (mark := point(one.quality))]
    predicted = [
        (one.rows, mark) for one in curve.predictions if (mark := point(one.quality, series=1, hollow=True))
    ]
    ends = [*charts.bounds([mark for _, mark in (*measured, *predicted)])]
    x_axis = vega.log_axis(
        "Examples, logarithmic",
        [float(rows) for rows, _ in (*measured, *predicted)],
        "format(datum.value, ',~r')",
        margin=1.2,
    )
    onward = [*measured[-1:], *predicted]
    lines = [_line("measured", measured, 0), *([_line("predicted", onward, 1)] if predicted else [])]
    marks = [charts.Mark("", float(rows), mark) for rows, mark in (*measured, *predicted)]
    y_axis = vega.ratio_axis(label, ends)
    keys = [LegendKey(charts.colour(0), "●", "measured")]
    keys += [LegendKey(charts.colour(1), "□", "predicted")] if predicted else []
    return Plot(
        question="What would more examples bring?",
        answer=curve.shape.sentence,
        caption=f"{label} on {curve.documents:,} documents of the validation split; the test split is not "
        f"looked at. Whiskers are 95 % intervals. {curve.note}".strip(),
        draw=lambda width: charts.line_plot(lines, [], x_axis, y_axis, width=width, marks=marks),
        table=table,
        legend=tuple(keys),
    )


def _line(name: str, places: list[tuple[int, charts.Point]], series: int) -> charts.Line:
    xs, ys = tuple(float(rows) for rows, _ in places), tuple(mark.value for _, mark in places)
    return charts.Line(name, xs, ys, series=series, dashed=series > 0)


def _needed(needed: tuple[Needed, ...]) -> Table:
    rows: list[Row] = [
        (
            one.name or one.part,
            units.bare(one.target, "share"),
            units.cell(one.now, "share"),
            f"{one.rows:,}",
            units.cell(one.more, "examples") if one.more.measured else Cell(units.UNKNOWN, muted=True),
        )
        for one in needed
    ]
    notes = [[("In words", said)] if (said := one.sentence or one.refused) else [] for one in needed]
    columns = ("Part", "Target", "Now", "Examples today", "More needed")
    return Table("How many more examples", columns, rows, (1, 2, 3, 4), notes=notes, cards=True)


def _power(found: PowerOfTest) -> Iterator[tuple[str, Estimate, str]]:
    if found.unknown:
        missing = Estimate(value=None, method="unknown", note=found.unknown)
        yield ("Power of the test", missing, "share")
        return
    margin = units.bare(found.margin, "points").lstrip("+")
    wanted = f"{found.candidate} not worse than {found.baseline} by more than {margin} points"
    yield (f"Documents that differ, {wanted}", found.differing, "share")
    yield ("Power now, if they are equally good", found.power_if_equal, "share")
    yield ("Power now, if the observed difference is the true one", found.power_as_observed, "share")


def _queue(found: Queued) -> Iterator[Block]:
    rows: list[Row] = [
        (one.row_id, one.split, f"{one.priority:.2f}", ", ".join(one.signals), " ".join(one.reasons))
        for one in found.rows[:QUEUED]
    ]
    if rows:
        caption = (
            f"What to label next: {len(found.rows):,} of {found.considered:,} rows, {len(rows)} shown; "
            f"{found.checked:,} are checked. insource dataset review shows all"
        )
        columns = ("Row", "Split", "Priority", "Signals", "Why")
        yield Table(caption, columns, rows, (2,), folded=True, cards=True)
    if found.gaps:
        gaps: list[Row] = [(one.name, one.part, f"{one.rows:,}", f"{one.wanted:,}") for one in found.gaps]
        yield Table("Too few examples", ("Name", "What", "Examples", "Wanted"), gaps, (2, 3), folded=True)
    if found.note:
        yield Bullets("What to label next", (found.note,))


def _figures(caption: str, figures: list[tuple[str, Estimate, str]]) -> Table:
    rows = [units.figure_row((name,), found, unit) for name, found, unit in figures]
    return units.figure_table(caption, ("Figure",), rows)
