"""Every arm, in the order of the report. A new arm is one file beside this one, and one line here."""

from __future__ import annotations

from insource.arms import classical_fields, floor, logged, prompted, tuned
from insource.arms.factory import ArmFactory

ARMS: tuple[ArmFactory, ...] = (
    logged.FACTORY,
    floor.FACTORY,
    classical_fields.FACTORY,
    prompted.FACTORY,
    tuned.FACTORY,
)
