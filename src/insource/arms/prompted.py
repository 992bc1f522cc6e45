"""The untuned base model, told the schema in its prompt, without and with the grammar."""

from __future__ import annotations

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.local import local_plan
from insource.evaluation.plan import ArmPlan
from insource.types import Arm

BASE, BASE_CONSTRAINED = "base", "base + schema"


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the plan without and with constrained decoding, on the few documents."""
    what, it = ("labels", "them") if inputs.task.output.kind == "labels" else ("schema", "it")
    described = {
        BASE: f"untuned, told the {what} in its prompt",
        BASE_CONSTRAINED: f"untuned, told the {what} and held to {it} by the grammar",
    }
    arms = [
        Arm(
            name=name,
            model=inputs.engine.base.name,
            kind="base",
            role="baseline",
            local=True,
            constrained=name == BASE_CONSTRAINED,
            description=description,
        )
        for name, description in described.items()
    ]
    return tuple(local_plan(inputs.engine, arm, inputs.few, adapter=None, describe=True) for arm in arms)


FACTORY = ArmFactory("base", "baseline", plans, ArmNeeds(extra="serve", module="xllamacpp"))
