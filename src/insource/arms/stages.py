"""Stages: a cheap local arm first, the chosen arm where that one is not sure enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from insource.arms.factory import ArmInputs
from insource.arms.fitting import ask_directly
from insource.arms.recorded import RecordsModel, by_document
from insource.evaluation.plan import ArmPlan
from insource.evaluation.stage import Evaluated
from insource.models.protocol import Model
from insource.routing.stages import StagedModel
from insource.types import Arm

NAME = "stages"


def stages_plan(inputs: ArmInputs, first: Evaluated, second: Evaluated, keep_from: float) -> ArmPlan:
    """Return the plan that replays both arms on the documents that both were asked about.

    A document takes the time of the first arm, and of the second where that one is asked.
    """
    asked = [{record.row_id for record in one.records} for one in (first, second)]
    examples = tuple(one for one in inputs.test if all(one.row_id in rows for rows in asked))
    arms = [one.evaluation.arm for one in (first, second)]
    arm = Arm(
        name=NAME,
        model=f"{arms[0].model}, then {arms[1].model}",
        kind=NAME,
        role="candidate",
        local=all(one.local for one in arms),
        simulated=any(one.simulated for one in arms),
        description=f"{arms[0].name} where it is at least {keep_from:.2f} sure, else {arms[1].name}",
    )

    @contextmanager
    def model() -> Iterator[Model]:
        quick, other = (
            RecordsModel(
                one.evaluation.arm.model, by_document(examples, one.records), local=one.evaluation.arm.local
            )
            for one in (first, second)
        )
        yield StagedModel(quick, other, keep_from)

    return ArmPlan(
        arm=arm,
        examples=examples,
        identity={"first": first.run.digest, "second": second.run.digest, "from": repr(keep_from)},
        model=model,
        ask=lambda example: ask_directly(inputs, example),
        confidence=lambda example, completion: completion.confidence,
        is_look=False,
    )
