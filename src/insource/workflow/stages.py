"""Put a cheap local arm before the chosen one, in an evaluation as in serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from insource.arms.cascade import STAGES, stages_plan
from insource.arms.factory import ArmInputs
from insource.evaluation.plan import ArmPlan
from insource.evaluation.stage import Evaluated
from insource.foundation.errors import ConfigError
from insource.routing.ways.stages import keep_from
from insource.types import Dataset, Example, Served, Split, Task
from insource.workflow.evaluate import evaluate_one, validation_documents
from insource.workflow.servable import served_by
from insource.workflow.session import Session

InputsFor = Callable[[Sequence[Example]], ArmInputs]
PlanFor = Callable[[ArmInputs], dict[str, ArmPlan]]


class FirstStage(NamedTuple):
    """The arm that is asked first, from how sure on its answers are kept, and how it is asked."""

    session: Session
    dataset: Dataset
    task: Task
    keep_from: float
    inputs_for: InputsFor
    plan_for: Callable[[ArmInputs], ArmPlan]

    def before(self, split: Split, second: Evaluated) -> Evaluated:
        """Return the evaluation of both stages on the documents of ``second``."""
        asked = {record.row_id for record in second.records}
        examples = [one for one in self.dataset.splits[split] if one.row_id in asked]
        inputs = self.inputs_for(examples)
        first = evaluate_one(self.session, self.dataset, self.task, split, self.plan_for(inputs))
        plan = stages_plan(inputs, first, second, self.keep_from)
        return evaluate_one(self.session, self.dataset, self.task, split, plan)

    def served_before(self, second: Served) -> Served:
        """Return what answers for both stages."""
        first = served_by(self.session, self.plan_for(self.inputs_for(())))
        return Served(
            arm=STAGES,
            model=f"{first.model}, then {second.model}",
            kind="staged",
            parts=(first, second),
            keep_from=self.keep_from,
        )


def first_stage(
    session: Session,
    dataset: Dataset,
    task: Task,
    chosen: Sequence[str],
    inputs_for: InputsFor,
    plans: PlanFor,
) -> FirstStage | None:
    """Return the first stage that ``routing.first`` names, None without one.

    From where its answers are kept is found on the validation documents, which certify nothing. Where too
    many of even its surest answers are wrong there, it is left out, and that is said.

    Raises:
        ConfigError: ``config-invalid`` for an arm that cannot answer here, or is the chosen one.
    """
    name = session.config.routing.first
    if not name:
        return None
    examples = validation_documents(session, dataset)
    inputs = inputs_for(examples)
    found = plans(inputs)
    local = sorted(other for other, plan in found.items() if plan.arm.local and other not in chosen)
    if name not in local:
        raise ConfigError(
            "config-invalid",
            f"routing.first is {name!r}, which is no local arm that could be asked before {chosen[0]}.",
            hint=f"Name one of these: {', '.join(local) or 'none'}. Or remove routing.first.",
        )
    records = evaluate_one(session, dataset, task, "validation", found[name]).records
    sure = keep_from(records, session.config.routing.max_error)
    if sure is None:
        session.skip(
            STAGES, f"{name} is not asked first: too many of its surest validation answers are wrong"
        )
        return None
    session.display.note(f"{name} is asked first; its answers are kept from a confidence of {sure:.3g} on")
    return FirstStage(session, dataset, task, sure, inputs_for, lambda asked: plans(asked)[name])
