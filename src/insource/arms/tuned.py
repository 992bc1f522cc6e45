"""The fine-tuned model, exported and served under the grammar."""

from __future__ import annotations

from insource.arms.local import Local, local_plan
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Confidence
from insource.types import Arm
from insource.types.evaluation import TUNED


def tuned(local: Local, confidence: Confidence) -> ArmPlan:
    """The fine-tuned model as it will be served: exported adapter, grammar, short instruction."""
    arm = Arm(
        name=TUNED,
        model=f"{local.base.name} + {local.task.name}",
        kind="tuned",
        constrained=True,
        description="fine-tuned, exported and served under the grammar",
    )
    return local_plan(local, arm, adapter=0, describe=False, confidence=confidence)
