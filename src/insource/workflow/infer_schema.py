"""Infer the output contract from a source's rows, and propose how its fields compare."""

from __future__ import annotations

from itertools import islice

from insource.contract.field_evidence import FieldEvidence
from insource.contract.infer import Inference
from insource.dataset.rows.source import Source
from insource.formats.strict_json import as_object
from insource.foundation.errors import DataError
from insource.matching.confirmed import with_comparators
from insource.matching.proposals import Proposal, propose
from insource.types import Frozen, JsonSchema, OutputSpec, Row
from insource.workflow.build import source_of
from insource.workflow.session import Session


class ContractReport(Frozen):
    """What the answers of a source come to, and what speaks for it.

    ``labels`` counts each label; ``comparators`` are proposed for fields that compare as plain text.
    """

    source: str
    rows: int
    dropped: int
    output: OutputSpec
    fields: tuple[FieldEvidence, ...]
    labels: dict[str, int]
    notes: tuple[str, ...]
    comparators: tuple[Proposal, ...] = ()


def infer_contract(session: Session) -> ContractReport:
    """Return the output contract inferred from the source's rows as they are, in one reading."""
    chosen = source_of(session)
    session.begin("schema", "infer the output contract from the answers")
    session.display.note(f"{chosen.source.name}: {chosen.reason}")
    inference, dropped = Inference(), 0
    for item in chosen.source:
        if isinstance(item, Row):
            inference.observe(item.output)
        else:
            dropped += 1
    if not inference.seen:
        raise DataError(
            "no-rows",
            f"{chosen.source.name} has no row that can be used; {dropped} cannot.",
            hint="See what is wrong with each: insource dataset build",
        )
    return ContractReport(
        source=chosen.source.name,
        rows=inference.seen,
        dropped=dropped,
        output=inference.output,
        fields=inference.evidence(),
        labels=inference.labels,
        notes=inference.notes(),
        comparators=_proposed(session, chosen.source, inference.output),
    )


READ = 10_000
"""Labels from which comparators are proposed."""


def _proposed(session: Session, source: Source, inferred: OutputSpec) -> tuple[Proposal, ...]:
    """Return proposals for the configured schema, or for the inferred one, beside what is confirmed."""
    output = session.project.given_output() or inferred
    if not isinstance(output, JsonSchema):
        return ()
    schema = with_comparators(output.definition, session.config.task.comparators)
    labels = (as_object(row.output) for row in source if isinstance(row, Row))
    return propose(filter(None, islice(labels, READ)), schema)
