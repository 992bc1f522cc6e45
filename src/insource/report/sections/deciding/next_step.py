"""The section on the next experiment: the cheapest that could change the verdict, and the deeper ones."""

from __future__ import annotations

from insource.report import units, words
from insource.report.page import Cell, Row, Section, Table
from insource.types.decided import Decision, NextExperiment


def next_step(decision: Decision) -> Section | None:
    """Return the section with the next experiment and the price of each deeper depth."""
    steps = [one for one in (decision.next, *decision.deeper) if one is not None]
    if not steps:
        return None
    rows: list[Row] = [
        (
            Cell(one.command, badge="next" if one == decision.next else "", detail=f"depth {one.depth}"),
            one.settles,
            units.cell(one.minutes, "minutes"),
            units.cell(one.usd, "USD"),
        )
        for one in dict.fromkeys(steps)
    ]
    columns = ("Command", "What it settles", "Time", "Money")
    table = Table("What each step costs", columns, rows, (2, 3), cards=True)
    lead = (in_a_sentence(decision.next),) if decision.next else ("No experiment could change the verdict.",)
    full = units.figure_table(
        "Every price with its method",
        ("Command", "What"),
        [
            units.figure_row((one.command, what), found, unit)
            for one in dict.fromkeys(steps)
            for what, found, unit in (("time", one.minutes, "minutes"), ("money", one.usd, "USD"))
        ],
    )
    return Section("next", "What is the cheapest next experiment?", lead, (table, full))


def in_a_sentence(one: NextExperiment) -> str:
    """Return the command, its price and what it settles."""
    known = [
        units.shown(found.value, unit)
        for found, unit in ((one.minutes, "minutes"), (one.usd, "USD"))
        if words.finite(found.value) is not None
    ]
    price = f" ({', '.join(known)})" if known else " (its price is unknown)"
    return f"{one.command}{price} settles {one.settles}."
