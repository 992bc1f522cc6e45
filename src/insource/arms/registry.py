"""Every arm, in the order of the report. A new arm is one file beside this one, and one line here."""

from __future__ import annotations

from insource.arms import cloud_schema, floor, hosted_decision, logged, prompted, tuned
from insource.arms.factory import ArmFactory

ARMS: tuple[ArmFactory, ...] = (
    logged.FACTORY,
    floor.FACTORY,
    prompted.FACTORY,
    tuned.FACTORY,
    cloud_schema.SCHEMA_FACTORY,
    cloud_schema.TIER_FACTORY,
    hosted_decision.FACTORY,
)
