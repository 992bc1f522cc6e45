"""The fine-tuned model as it will be served: exported adapter, grammar, short instruction."""

from __future__ import annotations

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.local import local_plan
from insource.evaluation.plan import ArmPlan
from insource.models.grounding.grounding import Grounding
from insource.types import Arm, TrainingSummary
from insource.types.evaluation import Effort

NAME = "tuned"


def plans(inputs: ArmInputs) -> tuple[ArmPlan]:
    """Return the one plan, with the confidence by which answers are routed."""
    arm = Arm(
        name=NAME,
        model=inputs.engine.tuned_name,
        kind="tuned",
        role="candidate",
        local=True,
        constrained=True,
        description=_description(inputs.engine.grounding),
    )
    plan = local_plan(inputs.engine, arm, inputs.test, adapter=0, describe=False)
    training = inputs.training
    chosen_on = frozenset(training.chosen_on) if training else frozenset()
    effort = _effort(training, inputs.engine.grounding)
    return (plan._replace(confidence=inputs.confidence, effort=effort, chosen_on=chosen_on),)


def _description(grounding: Grounding | None) -> str:
    held = "" if grounding is None or not grounding.fields else "; values held to the document"
    return f"fine-tuned, exported and served under the grammar{held}"


def _effort(training: TrainingSummary | None, grounding: Grounding | None) -> Effort | None:
    """Return how often checkpoints and settings were scored on the validation split, to keep the best."""
    if training is None:
        return None
    by_loss = sum(point.validation_loss is not None for point in training.curve)
    by_metric = sum(point.task_metric is not None for point in training.curve)
    note = f"checkpoints, by {training.metric.replace('_', ' ') if by_metric else 'validation loss'}"
    if training.trials:
        note += f", and {len(training.trials)} trials of a sweep"
    scored = max(by_loss, by_metric) + len(training.trials)
    kept = {name: value for name, value, _ in training.choices} | {"step": str(training.best_step)}
    if grounding is not None and grounding.fields:
        kept["held to the document"] = ", ".join(grounding.names)
    return Effort(validation_evaluations=scored, settings=kept, note=note)


NEEDS = ArmNeeds(extra="serve", module="xllamacpp")
FACTORY = ArmFactory("tuned", "candidate", plans, NEEDS)
