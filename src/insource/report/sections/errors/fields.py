"""The sections on fields and groups: accuracy by field, kinds of errors, seen and unseen groups."""

from __future__ import annotations

from collections.abc import Sequence

from insource.report import charts, vega, words
from insource.report.page import LegendKey, Plot, Row, Section, Table
from insource.report.sections.estimates import arm_legend, estimate_row, estimate_table, is_assumed, point
from insource.types import NOT_MEASURED, Bucket, Evaluation, FieldMetrics, JsonSchema, RunResult

BUCKETS: dict[Bucket, tuple[str, str]] = {
    "correct": ("correct", "var(--b-correct)"),
    "correctly_empty": ("correctly empty", "var(--b-empty)"),
    "wrong": ("wrong", "var(--b-wrong)"),
    "missed": ("missed", "var(--b-missed)"),
    "invented": ("invented", "var(--b-invented)"),
    "abstained": ("abstained", "var(--b-abstained)"),
}
COLOURS = {name: colour for name, colour in BUCKETS.values()}
DRAWN_FIELDS = 30


def per_field(result: RunResult) -> Section | None:
    """Return the section with the accuracy per field, and the buckets per arm and per field."""
    chosen = words.candidate(result)
    if chosen is None or not chosen.fields or not isinstance(result.dataset.output, JsonSchema):
        return None
    blocks = (_accuracy(result, chosen), _arm_buckets(result), _field_buckets(chosen))
    return Section("fields", "Which fields are hard?", _long_lists(result), blocks)


def _long_lists(result: RunResult) -> tuple[str, ...]:
    """Return a sentence for each arm with lists too long to compare all of their items."""
    return tuple(
        f"{words.arm_label(e.arm)}: in {e.unsearched:,} of {e.n:,} documents, list items were left without a "
        "partner because the list was too long to compare all of its items; some of them may be right."
        for e in result.evaluations
        if e.unsearched
    )


def per_group(result: RunResult) -> Section | None:
    """Return the section with the primary metric on every slice, one row per arm."""
    sliced = [evaluation for evaluation in result.evaluations if evaluation.slices]
    if not sliced:
        return None
    names = list(dict.fromkeys(name for evaluation in sliced for name in evaluation.slices))
    primary = words.primary_metric(result)
    rows = [row for evaluation in sliced if (row := _slice_dots(evaluation, names, primary)).points]
    if not rows:
        return None
    metric = words.metric(primary, result.gold)
    axis = vega.ratio_axis(metric.label, _bounds(rows))
    table_rows = [
        estimate_row((f"{words.arm_label(e.arm)}, {name}", words.metric(m, result.gold).label), estimate)
        for e in sliced
        for name, found in e.slices.items()
        for m, estimate in found.items()
    ]
    full = estimate_table("The data", "Arm and slice", table_rows)
    plot = Plot(
        question="Does it hold on groups that were not in training?",
        answer=_slice_sentence(words.candidate(result), names, primary),
        caption=f"{metric.label} with intervals; whole groups were kept out of training. "
        f"{_slice_method(sliced, primary)}",
        draw=lambda width: charts.dot_plot(rows, axis, width=width),
        table=Table(
            full.caption, ("Arm and slice", "Metric", *full.columns[1:]), full.rows, (2, 3, 4, 5, 6), True
        ),
        legend=tuple(LegendKey(charts.colour(i), charts.glyph(i), name) for i, name in enumerate(names)),
    )
    return Section("groups", "Seen and unseen groups", blocks=(plot,))


def _accuracy(result: RunResult, chosen: Evaluation) -> Plot:
    measured = [field for field in chosen.fields if field.accuracy.measured]
    ranked = sorted(measured, key=lambda field: (field.accuracy.value or 0.0, field.path))
    rows = [_field_dots(result, field.path) for field in ranked[:DRAWN_FIELDS]]
    agreement = result.gold is not None and result.gold.kind == "agreement"
    axis = vega.ratio_axis("Agreement" if agreement else "Accuracy", _bounds(rows))
    table_rows = [
        estimate_row((field.path, words.arm_label(evaluation.arm)), field.accuracy)
        for evaluation in result.evaluations
        for field in evaluation.fields
    ]
    full = estimate_table("The data", "Field", table_rows)
    label = words.arm_label(chosen.arm)
    cut = f" The {DRAWN_FIELDS} hardest of {len(ranked)} fields." if len(ranked) > DRAWN_FIELDS else ""
    return Plot(
        question="How far does each field agree with its label?"
        if agreement
        else "How accurate is each field?",
        answer=_field_sentence(label, ranked),
        caption=f"Share of documents with the field as in the label, hardest for {label} first.{cut} "
        f"{_drawn_arms(result)}n = {chosen.n:,} documents, "
        f"{chosen.fields[0].accuracy.confidence:.0%} intervals. "
        f"Method: {words.methods(f.accuracy for f in ranked)}.",
        draw=lambda width: charts.dot_plot(rows, axis, width=width),
        table=Table(full.caption, ("Field", "Arm", *full.columns[1:]), full.rows, (2, 3, 4, 5, 6), True),
        legend=arm_legend(result, words.main_arms(result)),
    )


def _field_sentence(label: str, ranked: Sequence[FieldMetrics]) -> str:
    if not ranked:
        return "No field was measured."
    worst, best = ranked[0], ranked[-1]
    sentence = f"{label} is weakest on {worst.path}: {words.described(worst.accuracy)}"
    return f"{sentence}; strongest on {best.path}: {words.described(best.accuracy)}."


def _drawn_arms(result: RunResult) -> str:
    shown, total = len(words.main_arms(result)), len(result.evaluations)
    return f"Drawn are {shown} of {total} arms; the table has all. " if shown < total else ""


def _field_dots(result: RunResult, path: str) -> charts.DotRow:
    points = []
    shown = {evaluation.arm.name for evaluation in words.main_arms(result)}
    for series, evaluation in enumerate(result.evaluations):
        for field in evaluation.fields if evaluation.arm.name in shown else ():
            drawn = point(field.accuracy, series=series, hollow=is_assumed(evaluation))
            if field.path == path and drawn:
                points.append(drawn)
    return charts.DotRow(path, tuple(points))


def _bounds(rows: Sequence[charts.DotRow]) -> list[float]:
    return charts.bounds(found for row in rows for found in row.points)


def _arm_buckets(result: RunResult) -> Plot:
    rows = [
        (words.arm_label(evaluation.arm), _summed(evaluation.fields))
        for evaluation in result.evaluations
        if evaluation.fields
    ]
    answers, shown = [], {words.arm_label(evaluation.arm) for evaluation in words.main_arms(result)}
    sizes = sorted({sum(count for _, count in parts) for _, parts in rows})
    for label, parts in rows:
        if label not in shown:
            continue
        counts = dict(parts)
        total = sum(counts.values()) or 1
        errors = [f"{name} {words.percent(counts[name] / total)}" for name in ("wrong", "missed", "invented")]
        answers.append(f"{label}: {', '.join(errors)}")
    return Plot(
        question="What kinds of errors?",
        answer="Of all fields, " + "; ".join(answers) + ".",
        caption="Every field of every document falls in exactly one bucket; n = "
        + " to ".join(f"{n:,}" for n in dict.fromkeys((sizes[0], sizes[-1])))
        + " fields an arm. Counts, without intervals.",
        draw=lambda width: charts.stacked_bars(rows, COLOURS, width=width),
        table=_bucket_table("Arm", rows),
        legend=_bucket_legend(),
    )


def _field_buckets(chosen: Evaluation) -> Plot:
    label = words.arm_label(chosen.arm)
    ranked = sorted(chosen.fields, key=lambda field: (-_errors(field), field.path))
    rows = [(field.path, _summed((field,))) for field in ranked]
    worst, errors = ranked[0], _errors(ranked[0])
    answer = f"Most errors are in {worst.path}: {errors:,} of {sum(worst.buckets.values()):,}."
    return Plot(
        question=f"Where does {label} make errors?",
        answer=answer if errors else f"{label} made no error.",
        caption=f"Buckets by field, n = {chosen.n:,} documents, most errors first. Counts, no intervals.",
        draw=lambda width: charts.stacked_bars(rows[:DRAWN_FIELDS], COLOURS, width=width),
        table=_bucket_table("Field", rows),
        legend=_bucket_legend(),
    )


def _summed(fields: Sequence[FieldMetrics]) -> list[tuple[str, int]]:
    return [(name, sum(f.buckets.get(bucket, 0) for f in fields)) for bucket, (name, _) in BUCKETS.items()]


def _errors(field: FieldMetrics) -> int:
    return sum(count for bucket, count in field.buckets.items() if bucket in ("wrong", "missed", "invented"))


def _bucket_table(first: str, rows: Sequence[tuple[str, list[tuple[str, int]]]]) -> Table:
    columns = (first, *(name for name, _ in BUCKETS.values()))
    body: list[Row] = [(label, *(f"{count:,}" for _, count in parts)) for label, parts in rows]
    return Table("The data", columns, body, tuple(range(1, len(columns))), folded=True)


def _bucket_legend() -> tuple[LegendKey, ...]:
    return tuple(LegendKey(colour, "■", name) for name, colour in BUCKETS.values())


def _slice_dots(evaluation: Evaluation, names: Sequence[str], primary: str) -> charts.DotRow:
    points = (
        point(
            evaluation.slices.get(name, {}).get(primary, NOT_MEASURED),
            series=series,
            hollow=is_assumed(evaluation),
        )
        for series, name in enumerate(names)
    )
    return charts.DotRow(words.arm_label(evaluation.arm), tuple(p for p in points if p))


def _slice_sentence(chosen: Evaluation | None, names: Sequence[str], primary: str) -> str:
    if chosen is None or not chosen.slices:
        return ""
    ratio = words.metric(primary).ratio
    parts = (
        f"{words.described(chosen.slices.get(name, {}).get(primary, NOT_MEASURED), ratio=ratio)} on {name}"
        for name in names
    )
    return f"{words.arm_label(chosen.arm)}: {'; '.join(parts)}."


def _slice_method(sliced: Sequence[Evaluation], primary: str) -> str:
    found = [found[primary] for e in sliced for found in e.slices.values() if primary in found]
    sizes = sorted({estimate.n for estimate in found})
    span = " to ".join(f"{n:,}" for n in dict.fromkeys((sizes[0], sizes[-1]))) if sizes else "0"
    return f"n = {span} documents. Method: {words.methods(found)}."
