"""The section on confidence: how well it tells right from wrong, and whether it means what it says."""

from __future__ import annotations

from insource.report import charts, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import estimate_cell, point
from insource.types import RunResult
from insource.types.confidence import ConfidenceFigures, ConfidenceSummary

COLUMNS = ("Wrong", "AUROC", "AURC", "Calibration error", "Brier score", "Right among the surest 80 %")


def confidence(result: RunResult) -> Section | None:
    """Return the section with the reliability diagram and the figures by field; None without any."""
    found = result.routing.confidence if result.routing else None
    if found is None or not found.fields.n:
        return None
    rows = [_row("All fields", found.fields)]
    if found.stated is not None:
        rows.append(_row("All fields, as the model states it", found.stated))
    rows.append(_row("Whole answers", found.answers))
    numeric = tuple(range(1, len(COLUMNS) + 1))
    tables = [Table("How good the confidence is", ("", *COLUMNS), rows, numeric)]
    if found.by_field:
        by_field: list[Row] = [_row(path, figures) for path, figures in found.by_field.items()]
        tables.append(Table("By field", ("Field", *COLUMNS), by_field, numeric, folded=True))
    return Section(
        "confidence", "Does the confidence mean what it says?", (found.reason,), (_diagram(found), *tables)
    )


def _diagram(found: ConfidenceSummary) -> Plot:
    shown = [("All fields", found.fields)]
    if found.stated is not None:
        shown.append(("As the model states it", found.stated))
    lines = [
        charts.Line(
            name,
            tuple(one.confidence for one in figures.reliability),
            tuple(one.right.value or 0.0 for one in figures.reliability),
            series=series,
        )
        for series, (name, figures) in enumerate(shown)
    ]
    bins = [one for _, figures in shown for one in figures.reliability]
    lowest = min(end for one in bins for end in (one.confidence, one.right.low or 0.0))
    marks = [
        charts.Mark("", one.confidence, drawn)
        for series, (_, figures) in enumerate(shown)
        for one in figures.reliability
        if (drawn := point(one.right, series=series))
    ]
    x_axis = vega.ratio_axis("Confidence", [lowest, 1.0])
    y_axis = vega.ratio_axis("Share that is right", [lowest, 1.0])
    ideal = charts.Line("Perfect", (lowest, 1.0), (lowest, 1.0), series=len(lines), dashed=True)
    rows: list[Row] = [
        (name, words.number(one.confidence), estimate_cell(one.right))
        for name, figures in shown
        for one in figures.reliability
    ]
    return Plot(
        question="When it is 90 % sure, are 90 % right?",
        answer=_answer(found.fields),
        caption=f"Fields of answers that fit the contract, n = {found.fields.n:,} in "
        f"{found.fields.documents:,} test documents, in {len(found.fields.reliability)} bins of equal size. "
        "Nothing was learned from these documents. Intervals by document bootstrap; the calibration error "
        "is without most of what chance adds to it.",
        draw=lambda width: charts.line_plot([*lines, ideal], [], x_axis, y_axis, width=width, marks=marks),
        table=Table("The data", ("Confidence of", "Mean", "Right"), rows, numeric=(1, 2), folded=True),
        legend=tuple(
            LegendKey(charts.colour(line.series), charts.glyph(line.series), line.label)
            for line in (*lines, ideal)
        ),
    )


def _answer(fields: ConfidenceFigures) -> str:
    error, surest = fields.calibration_error, fields.accuracy_at_80
    text = f"On average, it is {words.described(error)} off. Of the surest 80 % of the fields, "
    text += f"{words.described(surest)} are right."
    if fields.auroc.measured:
        text += f" A right field has more confidence than a wrong one in {words.described(fields.auroc)}."
    return text


def _row(name: str, figures: ConfidenceFigures) -> Row:
    return (
        name,
        f"{figures.wrong:,} of {figures.n:,}",
        estimate_cell(figures.auroc, ratio=False),
        estimate_cell(figures.aurc, ratio=False),
        estimate_cell(figures.calibration_error),
        estimate_cell(figures.brier, ratio=False),
        estimate_cell(figures.accuracy_at_80),
    )
