"""The section on the options: ranked, the best first, each with what it rests on and what would flip it."""

from __future__ import annotations

from insource.report import units, words
from insource.report.page import Block, Bullets, Cell, Folded, Row, Section, Table
from insource.report.sections.deciding.figures import in_full
from insource.types import Estimate
from insource.types.decided import Decision, RankedOption
from insource.types.economics import Economics


def options(decision: Decision) -> Section | None:
    """Return the section with the ranked options, the details of each, and the tiers left out."""
    if not decision.options:
        return None
    horizon = horizon_months(decision)
    columns = (
        "Option",
        "Quality",
        "Difference from today",
        "Cost per 1,000 correct",
        f"Saves in {horizon} months" if horizon else "Saves",
        "As good as today",
    )
    ranked = [*enumerate(decision.options, 1)]
    known = [(rank, one) for rank, one in ranked if has_figures(one)]
    rows: list[Row] = [_row(rank, one) for rank, one in known]
    notes = [_notes(one) for _, one in known]
    blocks: list[Block] = []
    if known:
        caption = "The options, the best first"
        blocks.append(Table(caption, columns, rows, (1, 2, 3, 4), notes=notes, cards=True))
    blocks += [_details(rank, one) for rank, one in known]
    if len(known) < len(ranked):
        blocks.append(_without_figures([(rank, one) for rank, one in ranked if not has_figures(one)]))
    if decision.excluded:
        caption = "Other ways to stay in the cloud, and why they are not the reference"
        blocks.append(Table(caption, ("Way", "Why not"), [*decision.excluded], folded=True))
    return Section("options", "What are the options?", _lead(decision), tuple(blocks))


def has_figures(option: RankedOption) -> bool:
    """Return whether anything is known of an option but what it is."""
    figures = (option.quality, option.difference, option.cost_per_1000_correct_usd, option.saves)
    return option.kind == "keep" or any(one.measured for one in figures)


def horizon_months(decision: Decision) -> int | None:
    """Return the months that are looked ahead, None where no option has economics."""
    return next((one.economics.horizon_months for one in decision.options if one.economics), None)


def quality(option: RankedOption) -> Cell:
    """Return the quality of an option with the metric below."""
    found = units.cell(option.quality, unit_of(option))
    name = words.inside(words.metric(option.metric).label) if option.metric else ""
    below = "\n".join(filter(None, (found.detail, name)))
    return Cell(found.text, detail=below, muted=found.muted)


def difference(option: RankedOption) -> Cell:
    """Return the difference from today's way: points, or the unit of the metric."""
    if option.kind == "keep" and not option.difference.measured:
        return Cell("–", detail="it is today's way")
    return units.cell(option.difference, difference_unit(option))


def difference_unit(option: RankedOption) -> str:
    return "points" if unit_of(option) == "share" else ""


def unit_of(option: RankedOption) -> str:
    """Return the unit of the option's metric."""
    return "share" if words.metric(option.metric).ratio else ""


def _lead(decision: Decision) -> tuple[str, ...]:
    first = decision.options[0]
    lines = [f"First: {first.name} ({first.why})."]
    today = next((one.name for one in decision.options if one.kind == "keep"), "")
    if decision.reference not in ("", today):
        why = f" ({decision.reference_reason})" if decision.reference_reason else ""
        lines.append(f"A model of one's own has to pay back against {decision.reference}{why}.")
    return tuple(lines)


def _row(rank: int, one: RankedOption) -> Row:
    below: list[str] = [one.kind] if one.kind != one.name else []
    below += [f"dominated by {one.dominated_by}"] if one.dominated_by else []
    return (
        Cell(f"{rank}. {one.name}", detail="\n".join(below)),
        quality(one),
        difference(one),
        units.cell(one.cost_per_1000_correct_usd, "USD"),
        units.cell(one.saves, "USD"),
        Cell("", badge=one.standing) if one.standing in ("fails", "ruled out") else one.standing,
    )


def _notes(one: RankedOption) -> list[tuple[str, str]]:
    named = (
        ("Why", one.why),
        ("Risk", one.risk),
        ("Effort", one.effort),
        ("Leaves the machine", one.leaves or "nothing"),
        ("Unknown", "; ".join(one.unknown)),
    )
    return [(name, text) for name, text in named if text]


def _without_figures(options: list[tuple[int, RankedOption]]) -> Table:
    rows: list[Row] = [
        (
            Cell(f"{rank}. {one.name}", detail="" if one.kind == one.name else one.kind),
            Cell(one.why, detail=one.standing),
            one.risk or "–",
            one.leaves or "nothing",
            " ".join(one.economics.sentences if one.economics else one.unknown) or "–",
        )
        for rank, one in options
    ]
    columns = ("Option", "Why", "Risk", "Leaves the machine", "Unknown")
    return Table("Options without a figure", columns, rows, cards=True)


def _details(rank: int, one: RankedOption) -> Folded:
    blocks: list[Table | Bullets] = []
    if one.flips:
        rows: list[Row] = [
            (
                flip.input,
                units.shown(flip.now, flip.unit),
                f"{flip.side} {units.shown(flip.threshold, flip.unit)}",
                flip.sentence,
            )
            for flip in one.flips
        ]
        blocks.append(Table("What would flip it", ("Input", "Now", "Flips", "Then"), rows, (1, 2)))
    if one.economics and one.economics.sentences:
        blocks.append(Bullets("What it costs and saves", one.economics.sentences))
    hours = "" if one.effort_hours is None else f"{units.plain(one.effort_hours)} hours of people"
    if hours:
        blocks.append(Bullets("Effort", (hours,)))
    evidence = in_full("", "Option", [(one.name, found) for found in one.evidence])
    if evidence:
        blocks.append(_open("What it rests on", evidence))
    blocks.append(_open(f"Every figure of {one.name}", _every_figure(one)))
    return Folded(f"{rank}. {one.name}: what would flip it, and what it rests on", tuple(blocks))


def _open(caption: str, table: Table) -> Table:
    return Table(caption, table.columns, table.rows, table.numeric)


def _every_figure(one: RankedOption) -> Table:
    judged = f", {one.judged}" if one.judged else ""
    named: list[tuple[str, Estimate, str]] = [
        (f"{words.metric(one.metric).label or 'Quality'}{judged}", one.quality, unit_of(one)),
        ("Difference from today", one.difference, difference_unit(one)),
        ("p95 of an answer", one.p95_s, "s"),
        ("Cost per 1,000 correct", one.cost_per_1000_correct_usd, "USD"),
        ("Saves over the horizon", one.saves, "USD"),
        *(_money(one.economics) if one.economics else ()),
    ]
    rows = [units.figure_row((name,), found, unit) for name, found, unit in named]
    return units.figure_table("", ("Figure",), rows)


def _money(found: Economics) -> list[tuple[str, Estimate, str]]:
    """Return the figures of the economics with their units."""
    costs = [cost for cost in (found.costs, found.against_costs) if cost is not None]
    return [
        ("Volume", found.volume, "documents a month"),
        (f"Break-even against {found.against}", found.break_even, "documents a month"),
        ("Probability of payback at the horizon", found.payback_probability, "share"),
        ("Probability of payback at any time", found.reached, "share"),
        (f"Net present value against {found.against}", found.npv_usd, "USD"),
        *((f"1,000 correct documents with {cost.option}", cost.per_1000_correct, "USD") for cost in costs),
    ]
