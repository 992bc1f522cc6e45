"""Calibrate the routing policy, and drive the gateway once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from insource.arms.factory import ArmFactory
from insource.arms.registry import ARMS, candidate_plan
from insource.evaluation.sample import sample
from insource.evaluation.stage import Evaluated
from insource.routing.cascade import fit_policy
from insource.types import Dataset, Example, Policy, RoutedCall, Task
from insource.workflow.evaluate import evaluate_one, inputs_of
from insource.workflow.export import Made
from insource.workflow.session import Session

Drive = Callable[[Session, Made, Policy, Sequence[Example]], tuple[RoutedCall, ...]]


def calibrate(
    session: Session, dataset: Dataset, task: Task, made: Made, arms: Sequence[ArmFactory] = ARMS
) -> tuple[Policy, Evaluated]:
    """Fit when the candidate's answer is good enough to serve, on the calibration split and never on test."""
    examples = sample(dataset.splits["calibration"], session.config.evaluation.calibration_documents)
    plan = candidate_plan(inputs_of(session, dataset, task, made), arms)._replace(examples=examples)
    evaluated = evaluate_one(session, dataset, task, "calibration", plan)
    section = session.config.routing
    policy = fit_policy(
        [record.confidence for record in evaluated.records],
        [record.score is not None and record.score.exact for record in evaluated.records],
        max_error=section.max_error,
        delta=section.delta,
        on_infeasible=section.on_infeasible,
    )
    if any(example.attributes or example.contract for example in examples):
        policy = policy.model_copy(
            update={
                "threshold": None,
                "basis": "infeasible",
                "expected_local_share": 0.0,
                "reason": OWN_FIELDS,
            }
        )
    session.display.note(policy.reason)
    return policy, evaluated


OWN_FIELDS = (
    "Everything goes to the cloud: these documents ask for fields of their own or have their own schema, "
    "and the gateway serves the task's one prompt and schema, which was not calibrated."
)


def drive_gateway(
    session: Session,
    dataset: Dataset,
    made: Made,
    policy: Policy,
    calibration: Evaluated,
    drive: Drive | None,
) -> tuple[RoutedCall, ...]:
    """Send two calibration documents through the running gateway: the surest answer and the least sure."""
    known = [record for record in calibration.records if record.confidence is not None]
    if drive is None or len(known) < 2:
        return ()
    session.begin("route", "the gateway answers one document here and escalates a doubtful one")
    ranked = sorted(known, key=lambda record: record.confidence or 0.0)
    by_id = {example.row_id: example for example in dataset.splits["calibration"]}
    started = time.monotonic()
    calls = drive(session, made, policy, [by_id[ranked[-1].row_id], by_id[ranked[0].row_id]])
    session.note_stage("route", started, digest_of=[call.row_id for call in calls])
    return calls
