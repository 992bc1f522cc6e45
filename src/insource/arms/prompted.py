"""The untuned base model, told the schema in its prompt."""

from __future__ import annotations

from insource.arms.local import Local, local_plan
from insource.evaluation.plan import ArmPlan
from insource.types import Arm
from insource.types.evaluation import BASE, BASE_CONSTRAINED


def bases(local: Local) -> tuple[ArmPlan, ArmPlan]:
    """The same model untuned: told the schema in its prompt, without and with the grammar."""
    prompted = Arm(
        name=BASE, model=local.base.name, kind="base", description="untuned, told the schema in its prompt"
    )
    constrained = Arm(
        name=BASE_CONSTRAINED,
        model=local.base.name,
        kind="base",
        constrained=True,
        description="untuned, told the schema and held to it by the grammar",
    )
    return (
        local_plan(local, prompted, adapter=None, describe=True),
        local_plan(local, constrained, adapter=None, describe=True),
    )
