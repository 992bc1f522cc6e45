"""The order of the sections of a decision: what speaks against it, options, money, next step, evidence."""

from __future__ import annotations

from collections.abc import Callable

from insource.report.page import Section
from insource.report.sections.deciding import (
    bill,
    enough_data,
    gates,
    headline,
    inputs,
    kills,
    leaving,
    log,
    made,
    next_step,
    options,
    probes,
    questions,
    sensitivity,
    trade_off,
)
from insource.types.decided import Decision

SECTIONS: tuple[Callable[[Decision], Section | None], ...] = (
    kills.kill_criteria,
    options.options,
    trade_off.trade_off,
    sensitivity.sensitivity,
    bill.bill,
    next_step.next_step,
    questions.questions,
    enough_data.enough_data,
    probes.probes,
    leaving.leaving,
    gates.gates,
    inputs.assumptions,
    inputs.unknown,
    log.log,
    made.made,
)
"""One function a section, in the order of the page."""


def decision_sections(decision: Decision) -> tuple[Section, ...]:
    """Return every section that this decision has something for."""
    return tuple(section for make in SECTIONS if (section := make(decision)) is not None)


def sections_in_report(decision: Decision) -> tuple[Section, ...]:
    """Return the sections for the report of a run, which has a banner and a provenance of its own."""
    found = (section for section in decision_sections(decision) if section.anchor != made.ANCHOR)
    return (headline.worth(decision), *found)
