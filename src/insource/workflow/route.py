"""Calibrate the routing policy, and drive the gateway once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from insource.arms import cascade
from insource.arms.factory import ArmFactory, ArmInputs
from insource.arms.hybrid import hybrid_plan
from insource.arms.registry import ARMS
from insource.config.routing import RoutingSection
from insource.decision.cost import priced
from insource.evaluation.sample import sample
from insource.evaluation.stage import Evaluated
from insource.routing.cascade import fit_bound
from insource.routing.losses import judged_records, most_of
from insource.types import Dataset, EvalRecord, Example, Policy, RoutedCall, RunResult, Served, Split, Task
from insource.types.choice import HYBRID, Choice
from insource.workflow.confidence import Learned, learn_confidence
from insource.workflow.evaluate import evaluate_one, inputs_of, validation_documents
from insource.workflow.export import Made
from insource.workflow.servable import served_by, served_by_parts
from insource.workflow.session import Session

Drive = Callable[[Session, RunResult, Sequence[Example]], tuple[RoutedCall, ...]]


class Calibrated(NamedTuple):
    """A policy, the evaluation on the calibration split that it was fitted on, and what answered there.

    ``servable`` are all arms that can answer on this machine, with or without a policy. ``learned`` is the
    confidence that the policy is about; ``evaluated`` has it, of the documents that certify.
    """

    policy: Policy
    evaluated: Evaluated
    served: Served
    servable: tuple[Served, ...] = ()
    learned: Learned | None = None


def calibrate(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    choice: Choice | None,
    arms: Sequence[ArmFactory] = ARMS,
) -> Calibrated | None:
    """Fit when an answer of the chosen arm is good enough, on the calibration split and never on test.

    Returns None when no arm was chosen, or the chosen one does not answer on this machine.
    """
    examples = sample(dataset.splits["calibration"], session.config.evaluation.calibration_documents)
    inputs = inputs_of(session, dataset, task, made)
    found = _measured_on(session, dataset, task, "calibration", _about(inputs, examples), choice, arms)
    if found is None:
        return None
    own_fields = any(example.attributes or example.contract for example in examples)
    evaluated, learned = found.evaluated, None
    if not own_fields:
        validation = _about(inputs, validation_documents(session, dataset))
        other = _measured_on(session, dataset, task, "validation", validation, choice, arms)
        learned = learn_confidence(session, dataset, task, evaluated, other and other.evaluated)
        evaluated = _certifying(learned.stated(evaluated, examples, task), learned)
    policy = _fitted(session.config.routing, task, evaluated.records)
    if own_fields:
        policy = policy.model_copy(
            update={
                "threshold": None,
                "basis": "infeasible",
                "expected_local_share": 0.0,
                "reason": OWN_FIELDS,
            }
        )
    if any(one.completion and one.completion.label_probabilities for one in evaluated.records):
        policy = policy.model_copy(update={"measure": "labels"})
    session.display.note(policy.reason)
    return Calibrated(policy, evaluated, found.served, found.servable, learned)


def _about(inputs: ArmInputs, examples: tuple[Example, ...]) -> ArmInputs:
    return inputs._replace(test=examples, few=examples)


def _certifying(evaluated: Evaluated, learned: Learned) -> Evaluated:
    """Return the records of the documents that nothing was learned from."""
    return evaluated._replace(
        records=tuple(one for one in evaluated.records if one.row_id in learned.certifying)
    )


def _fitted(section: RoutingSection, task: Task, records: Sequence[EvalRecord]) -> Policy:
    """Return the policy for the loss of the configuration.

    Fields of a document are bounded in number by the configuration or the contract, never by the records.
    """
    stated = section.most_fields if section.loss != "documents" else None
    most = stated or most_of(task.output, section.loss)
    if most is None:
        return Policy(
            loss=section.loss,
            threshold=None,
            basis="infeasible",
            max_error=section.max_error,
            delta=section.delta,
            calibration_n=len(records),
            expected_local_share=0.0,
            reason=NO_MOST,
        )
    return fit_bound(
        judged_records(section.loss, records, most),
        n=len(records),
        max_error=section.max_error,
        delta=section.delta,
        on_infeasible=section.on_infeasible,
    )


class _Measured(NamedTuple):
    """The chosen arm on one split: its evaluation, what answers for it, and every arm that can answer on this
    machine.
    """

    evaluated: Evaluated
    served: Served
    servable: tuple[Served, ...]


def _measured_on(
    session: Session,
    dataset: Dataset,
    task: Task,
    split: Split,
    inputs: ArmInputs,
    choice: Choice | None,
    arms: Sequence[ArmFactory],
) -> _Measured | None:
    """Measure the chosen arm, or the parts of the chosen hybrid and then the hybrid."""
    if choice is None or not inputs.test:
        return None
    possible = [arm for arm in arms if arm.role == "candidate" and not arm.why_not(inputs)]
    plans = {plan.arm.name: plan for arm in possible for plan in arm.make(inputs)}
    found = [plan for name in choice.answering if (plan := plans.get(name)) and plan.arm.local]
    if len(found) < len(choice.answering):
        return None
    servable = tuple(served_by(session, plan) for plan in plans.values() if plan.arm.local)
    measured = [evaluate_one(session, dataset, task, split, plan) for plan in found]
    if choice.candidate != HYBRID or choice.hybrid is None:
        return _Measured(measured[0], served_by(session, found[0]), servable)
    plan = hybrid_plan(inputs, choice.hybrid, measured)
    evaluated = evaluate_one(session, dataset, task, split, plan)
    return _Measured(evaluated, served_by_parts(session, choice.hybrid, found), servable)


def measure_cascade(
    session: Session,
    dataset: Dataset,
    task: Task,
    evaluated: Sequence[Evaluated],
    choice: Choice | None,
    calibrated: Calibrated | None,
) -> tuple[Evaluated, ...]:
    """Replay the cascade of the chosen arm and the primary cloud from their records, on the test split.

    Returns nothing, and says why, when no bound was feasible or no cloud was measured.
    """
    arms = {one.evaluation.arm.name: one for one in evaluated}
    if choice is None or calibrated is None or choice.candidate not in arms:
        return ()
    cloud = arms.get(choice.baseline)
    if cloud is None or cloud.evaluation.arm.role != "reference":
        session.skip(cascade.NAME, "not measured: there is no cloud to escalate to")
        return ()
    if calibrated.policy.threshold is None:
        session.skip(
            cascade.NAME, "not measured: no threshold keeps the error bound on the calibration split"
        )
        return ()
    local = arms[choice.candidate]
    identity = {}
    if calibrated.learned is not None and calibrated.learned.confidence is not None:
        local = calibrated.learned.stated(local, dataset.splits["test"], task)
        identity["confidence"] = calibrated.learned.confidence.digest
    local = local._replace(evaluation=priced(session.config.decision, local))
    plan = cascade.cascade_plan(task, tuple(dataset.splits["test"]), local, cloud, calibrated.policy)
    plan = plan._replace(identity=plan.identity | identity)
    return (evaluate_one(session, dataset, task, "test", plan),) if plan.examples else ()


NO_MOST = (
    "Everything goes to the cloud: a bound on fields or values needs the most fields of a document, and the "
    "contract sets no limit (a text, a list without `maxItems`, an object open to other keys, a "
    'union). Set `routing.most_fields`, or `routing.loss` to "documents".'
)

OWN_FIELDS = (
    "Everything goes to the cloud: these documents ask for fields of their own or have their own schema, "
    "and the gateway serves the task's one prompt and schema, which was not calibrated."
)


def drive_gateway(
    session: Session,
    dataset: Dataset,
    result: RunResult,
    calibrated: Calibrated | None,
    drive: Drive | None,
) -> RunResult:
    """Send two calibration documents through the running gateway: the surest answer and the least sure.

    Returns the result with what became of them.
    """
    if drive is None or calibrated is None or result.routing is None:
        return result
    known = [record for record in calibrated.evaluated.records if record.confidence is not None]
    if len(known) < 2:
        return result
    session.begin("route", "the gateway is asked for the surest and the least sure answer")
    ranked = sorted(known, key=lambda record: record.confidence or 0.0)
    by_id = {example.row_id: example for example in dataset.splits["calibration"]}
    started = time.monotonic()
    documents = [by_id[ranked[-1].row_id], by_id[ranked[0].row_id]]
    calls = drive(session, result, documents)
    session.note_stage("route", started, digest_of=[call.row_id for call in calls])
    return result.model_copy(update={"routing": result.routing.model_copy(update={"calls": calls})})
