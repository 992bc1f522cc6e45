"""The order of the sections: answer, evidence, examples, provenance."""

from __future__ import annotations

from insource.report.page import Section
from insource.report.sections import (
    arms,
    data,
    economics,
    examples,
    fields,
    paired,
    provenance,
    routing,
    training,
)
from insource.types import RunResult


def sections(result: RunResult) -> tuple[Section, ...]:
    """Return every section that this result has data for."""
    found = (
        arms.compared(result),
        paired.differences(result),
        economics.quality_against_cost(result),
        fields.per_field(result),
        fields.per_group(result),
        training.training(result),
        arms.latency(result),
        economics.break_even(result),
        routing.routing(result),
        examples.disagreements(result),
        data.data(result),
        provenance.provenance(result),
        provenance.glossary(result),
    )
    return tuple(section for section in found if section is not None)
