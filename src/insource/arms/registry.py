"""Every arm, in the order of the report. A new arm is one file beside this one, and one line here."""

from __future__ import annotations

from collections.abc import Sequence

from insource.arms import floor, logged, prompted, tuned
from insource.arms.factory import ArmFactory, ArmInputs
from insource.evaluation.plan import ArmPlan

ARMS: tuple[ArmFactory, ...] = (
    logged.FACTORY,
    floor.FACTORY,
    prompted.FACTORY,
    tuned.FACTORY,
)


def candidate_plan(inputs: ArmInputs, arms: Sequence[ArmFactory] = ARMS) -> ArmPlan:
    """Return the plan of the first arm that may replace the cloud: the one to calibrate and to serve."""
    return next(plan for arm in arms if arm.role == "candidate" for plan in arm.plans(inputs))
