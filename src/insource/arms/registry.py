"""Every arm, in the order of the report. A new arm is one file beside this one, and one line here."""

from __future__ import annotations

from insource.arms import floor, logged, tuned
from insource.arms.classical import fields, labels, tagger
from insource.arms.factory import ArmFactory
from insource.arms.paid import cloud_schema, hosted_decision
from insource.arms.prompting import optimised, rag, rungs

ARMS: tuple[ArmFactory, ...] = (
    logged.FACTORY,
    cloud_schema.SCHEMA_FACTORY,
    cloud_schema.TIER_FACTORY,
    hosted_decision.FACTORY,
    floor.FACTORY,
    labels.NGRAM_FACTORY,
    labels.EMBEDDING_FACTORY,
    tagger.FACTORY,
    fields.FACTORY,
    rungs.FACTORY,
    optimised.FACTORY,
    rag.FACTORY,
    tuned.FACTORY,
)
