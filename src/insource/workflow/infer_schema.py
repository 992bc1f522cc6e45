"""Infer the output contract from a source's rows."""

from __future__ import annotations

from insource.contract.field_evidence import FieldEvidence
from insource.contract.infer import Inference
from insource.foundation.errors import DataError
from insource.types import Frozen, OutputSpec, Row
from insource.workflow.build import source_of
from insource.workflow.session import Session


class ContractReport(Frozen):
    """What the answers of a source come to, and what speaks for it. ``labels`` counts each label."""

    source: str
    rows: int
    dropped: int
    output: OutputSpec
    fields: tuple[FieldEvidence, ...]
    labels: dict[str, int]
    notes: tuple[str, ...]


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
    )
