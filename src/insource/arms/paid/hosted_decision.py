"""Hosted decision models: labels, enums and booleans by typed questions, with a probability for each option.

They are cheaper endpoints that may replace the cloud, so they are candidates that run elsewhere.
"""

from __future__ import annotations

import json

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.fitting import ask_directly
from insource.arms.paid.plans import Asking, paid_plan
from insource.config.reference import DecisionModelSection
from insource.evaluation.plan import ArmPlan
from insource.models.decisions.client import DecisionModel
from insource.models.decisions.contracts import WIRES
from insource.models.decisions.questions import Questions, Unaskable, questions_of
from insource.types import Arm

KIND = "decision model"


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return a plan for each model of ``[[reference.decisions]]``."""
    return tuple(_plan(inputs, section) for section in inputs.reference.decisions)


def _plan(inputs: ArmInputs, section: DecisionModelSection) -> ArmPlan:
    task, note, questions = inputs.task, "", Questions((), whole=False)
    try:
        questions = questions_of(task.output, task.instruction)
    except Unaskable as reason:
        note = f"not measured: {reason}"
    if any(example.contract is not None for example in inputs.test):
        note = "not measured: documents have schemas of their own, and the questions come from the task's"
    arm = Arm(
        name=f"{section.model} decisions",
        model=section.model,
        kind=KIND,
        role="candidate",
        constrained=True,
        description=f"typed questions to /{WIRES[section.contract].path}, with probabilities",
    )
    asking = Asking(
        arm=arm.name,
        section=section,
        open=lambda key: DecisionModel(
            section.model,
            section.base_url,
            key,
            task.privacy,
            contract=section.contract,
            questions=questions,
        ),
        ask=lambda example: ask_directly(inputs, example),
        identity={
            "model": section.model,
            "base_url": section.base_url,
            "contract": section.contract,
            "questions": [[one.name, one.instructions, list(one.described())] for one in questions.asked],
        },
        written=lambda example: 0,
        read=len(json.dumps(WIRES[section.contract].body("", "", questions.asked))),
        input_only=True,
    )
    return paid_plan(arm, asking, inputs.pay, inputs.test, note=note)


def _configured(inputs: ArmInputs) -> str:
    return "" if inputs.reference.decisions else "insource.toml has no [[reference.decisions]]"


NEEDS = ArmNeeds(outputs=("json", "labels"), configured=_configured)
FACTORY = ArmFactory(KIND, "candidate", plans, NEEDS, paid=True)
