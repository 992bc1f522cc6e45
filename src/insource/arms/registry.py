"""Every arm, in the order of the report. A new arm is one file beside this one, and one line here."""

from __future__ import annotations

from insource.arms import (
    classical_fields,
    classical_labels,
    cloud_schema,
    crf_fields,
    floor,
    hosted_decision,
    logged,
    optimised,
    prompted,
    rag,
    tuned,
)
from insource.arms.factory import ArmFactory

ARMS: tuple[ArmFactory, ...] = (
    logged.FACTORY,
    cloud_schema.SCHEMA_FACTORY,
    cloud_schema.TIER_FACTORY,
    hosted_decision.FACTORY,
    floor.FACTORY,
    classical_labels.NGRAM_FACTORY,
    classical_labels.EMBEDDING_FACTORY,
    crf_fields.FACTORY,
    classical_fields.FACTORY,
    prompted.FACTORY,
    optimised.FACTORY,
    rag.FACTORY,
    tuned.FACTORY,
)
