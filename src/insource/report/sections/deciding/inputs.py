"""The sections on the inputs of the economics, and on the figures that are unknown."""

from __future__ import annotations

from insource.report import units
from insource.report.log_words import figure_words
from insource.report.page import Cell, Row, Section, Table
from insource.types import Assumption
from insource.types.decided import Decision

FEW = 8  # rows that are not folded
ORIGINS = {"": "assumed", "measured": "measured", "yours": "yours", "default": "our default"}


def assumptions(decision: Decision) -> Section | None:
    """Return the section with every input, those that are not measured first; None without economics."""
    found = dict.fromkeys(
        given for one in decision.options if one.economics for given in one.economics.assumptions
    )
    if not found:
        return None
    kinds = {"default": 0, "": 0, "yours": 1, "measured": 2}
    ordered = sorted(found, key=lambda given: kinds[given.origin])
    columns = ("Input", "Value", "Range", "Distribution", "Origin", "Source")
    rows: list[Row] = [_row(given) for given in ordered]
    counts = {origin: sum(given.origin == origin for given in found) for origin in ("measured", "yours")}
    lead = (
        f"{counts['measured']} inputs are measured, {counts['yours']} are yours, "
        f"{len(found) - sum(counts.values())} are assumed. Set them in [decision] of insource.toml."
    )
    table = Table("Every input of the money, of all options", columns, rows, (1, 2), folded=True)
    return Section("assumptions", "What is assumed?", (lead,), (table,))


def unknown(decision: Decision) -> Section | None:
    """Return the section with every unknown figure and why; None where there is none."""
    found: dict[tuple[str, str], None] = dict.fromkeys(
        (_called(name, decision), why) for name, why in decision.unknown.items()
    )
    found |= dict.fromkeys((one.name, what) for one in decision.options for what in one.unknown)
    if not found:
        return None
    lead = "No figure that needs one of these is calculated."
    table = Table(f"{len(found)} unknown", ("Figure", "Why"), [*found], folded=len(found) > FEW, cards=True)
    return Section("unknown", "What is unknown, and why?", (lead,), (table,))


def _called(name: str, decision: Decision) -> str:
    """Return what a figure of the log is called, or its own name."""
    if decision.profile is None or name not in dict(decision.profile.estimates()):
        return name
    return figure_words(name, decision.profile)[0]


def _row(given: Assumption) -> Row:
    low, high = (None if end is None else units.bare(end, given.unit) for end in (given.low, given.high))
    ranged = "exact" if low is None or high is None else f"{low} to {high}"
    origin = ORIGINS[given.origin]
    return (
        given.name,
        units.assumed(given),
        ranged,
        given.distribution,
        Cell(origin, badge="") if given.origin in ("measured", "yours") else Cell(origin, muted=True),
        given.source,
    )
