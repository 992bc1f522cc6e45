"""The order of the sections: answer, evidence, examples, provenance."""

from __future__ import annotations

from collections.abc import Callable

from insource.report.page import Section
from insource.report.sections import (
    arms,
    data,
    economics,
    effort,
    gold,
    ladder,
    not_measured,
    provenance,
    retention,
    routing,
    step_ladder,
    training,
)
from insource.report.sections.comparing import break_point, fairness, others, primary, slices
from insource.report.sections.deciding.contents import sections_in_report
from insource.report.sections.errors import error_mix, examples, fields, formats, invention, labels
from insource.report.sections.serving import confidence
from insource.types import RunResult

SECTIONS: tuple[Callable[[RunResult], Section | None], ...] = (
    ladder.ladder,
    primary.primary,
    others.differences,
    fairness.fairness,
    gold.gold,
    error_mix.error_mix,
    slices.added,
    slices.slices,
    break_point.break_points,
    fields.per_field,
    fields.per_group,
    labels.labels,
    invention.invention,
    formats.formats,
    arms.compared,
    arms.latency,
    economics.break_even,
    effort.effort,
    training.training,
    step_ladder.step_ladder,
    retention.retention,
    routing.routing,
    confidence.confidence,
    examples.disagreements,
    not_measured.not_measured,
    data.data,
    provenance.provenance,
    provenance.glossary,
)
"""One function a section, in the order of the page."""


def sections(result: RunResult) -> tuple[Section, ...]:
    """Return every section that this result has data for; those of its decision come first.

    The decision has the whole economics, so the first look at the break-even volume is left out beside it.
    """
    found = tuple(section for make in SECTIONS if (section := make(result)) is not None)
    if result.decision is None:
        return found
    rest = (section for section in found if section.anchor != economics.ANCHOR)
    return (*sections_in_report(result.decision), *rest)
