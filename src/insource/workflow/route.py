"""Calibrate the routing policy, and drive the gateway once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from insource.arms import cascade
from insource.arms.factory import ArmFactory, ArmInputs
from insource.arms.hybrid import hybrid_plan
from insource.arms.registry import ARMS
from insource.decision.cost import priced
from insource.evaluation.plan import ArmPlan
from insource.evaluation.sample import sample
from insource.evaluation.stage import Evaluated
from insource.types import Dataset, EvalRecord, Example, Policy, RoutedCall, RunResult, Served, Split, Task
from insource.types.certified import Certified
from insource.types.choice import HYBRID, Choice
from insource.types.confidence import ConfidenceSummary
from insource.types.ways import FieldPolicy
from insource.workflow.bound import fitted
from insource.workflow.bound_terms import choices_of, never_trained_on
from insource.workflow.certify import certified_by
from insource.workflow.confidence import Learned, Looked, learn_confidence, measure_confidence
from insource.workflow.evaluate import evaluate_one, inputs_of, validation_documents
from insource.workflow.export import Made
from insource.workflow.field_policy import field_policy
from insource.workflow.looking_twice import Look, looking
from insource.workflow.second_look import answers_of, second_look
from insource.workflow.servable import served_by, served_by_parts
from insource.workflow.session import Session
from insource.workflow.stages import first_stage

Drive = Callable[[Session, RunResult, Sequence[Example]], tuple[RoutedCall, ...]]


class Calibrated(NamedTuple):
    """A policy, the evaluation on the calibration split that it was fitted on, and what answered there.

    ``servable`` are all arms that can answer on this machine, with or without a policy. ``cloud`` has the
    cloud's recorded answers to the calibration documents. ``learned`` is the confidence that the policy is
    about, and ``confidence`` how good it is on test; ``evaluated`` has it, of the documents that certify.
    ``certified`` is how they were asked, ``fields`` the policy for single fields where one is configured.
    ``look`` makes of the chosen arm's answers to a split what is served: looked at twice, after a first arm.
    """

    policy: Policy
    evaluated: Evaluated
    served: Served
    servable: tuple[Served, ...] = ()
    cloud: tuple[EvalRecord, ...] = ()
    learned: Learned | None = None
    confidence: ConfidenceSummary | None = None
    certified: Certified | None = None
    fields: FieldPolicy | None = None
    look: Look = lambda split, evaluated: evaluated


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
    asked = sample(dataset.splits["calibration"], session.config.evaluation.calibration_documents)
    examples = never_trained_on(session, dataset, asked)
    inputs = inputs_of(session, dataset, task, made)._replace(test=examples, few=examples)
    choices = choices_of(session, examples) if choice else 1
    found = _on_split(session, dataset, task, inputs, choice, arms, "calibration")
    if found is None:
        return None
    own_fields = any(example.attributes or example.contract for example in examples)
    learned = None
    if not own_fields:
        validation = _on_validation(session, dataset, task, made, choice, arms)
        learned = learn_confidence(
            session, dataset, task, found.looked, validation.looked if validation else None
        )
    look, served = _local_ways(session, dataset, task, made, choice, arms, found.served)
    evaluated = learned.proof(found.looked, examples, task) if learned else found.looked.evaluated
    evaluated = look("calibration", evaluated)
    cloud = _cloud_on_calibration(session, dataset, task, inputs, choice, arms)
    policy = fitted(
        session.config.routing,
        task,
        evaluated.records,
        {record.row_id: record for record in cloud},
        lambda: _unseen_groups(session, dataset, task, made, choice, arms, learned, look),
        choices,
    )
    fields = None if own_fields else field_policy(session, task, evaluated.records, choices)
    policy = policy.model_copy(update=NOTHING_HERE) if own_fields else policy
    if any(one.completion and one.completion.label_probabilities for one in evaluated.records):
        policy = policy.model_copy(update={"measure": "labels"})
    session.display.note(policy.reason)
    known = certified_by(session, task, examples)
    return Calibrated(policy, evaluated, served, found.servable, cloud, learned, None, known, fields, look)


def _plans(arms: Sequence[ArmFactory], inputs: ArmInputs) -> dict[str, ArmPlan]:
    """Return the plans of the candidates for the documents of ``inputs``, by the name of the arm."""
    possible = [arm for arm in arms if arm.role == "candidate" and not arm.why_not(inputs)]
    return {plan.arm.name: plan for arm in possible for plan in arm.make(inputs)}


def _local_ways(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    choice: Choice | None,
    arms: Sequence[ArmFactory],
    served: Served,
) -> tuple[Look, Served]:
    """Return what is made of the chosen arm's answers before the policy sees them, and what answers then."""
    assert choice is not None
    chosen, inputs = choice.candidate, inputs_of(session, dataset, task, made)

    def about(examples: Sequence[Example]) -> ArmInputs:
        return inputs._replace(test=tuple(examples), few=tuple(examples))

    look = looking(session, dataset, task, served, lambda asked: _plans(arms, about(asked))[chosen])
    first = first_stage(session, dataset, task, choice.answering, about, lambda asked: _plans(arms, asked))
    if first is None:
        return look, served
    stage = first
    return lambda split, one: stage.before(split, look(split, one)), first.served_before(served)


def _cloud_on_calibration(
    session: Session,
    dataset: Dataset,
    task: Task,
    inputs: ArmInputs,
    choice: Choice | None,
    arms: Sequence[ArmFactory],
) -> tuple[EvalRecord, ...]:
    """Return the recorded answers to the calibration documents of the cloud that is compared with."""
    if choice is None:
        return ()
    recorded = [arm for arm in arms if arm.role == "reference" and not arm.paid and not arm.why_not(inputs)]
    plans = [plan for arm in recorded for plan in arm.make(inputs) if plan.arm.name == choice.baseline]
    measured = [evaluate_one(session, dataset, task, "calibration", plan) for plan in plans if plan.examples]
    return tuple(record for one in measured for record in one.records)


def _unseen_groups(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    choice: Choice | None,
    arms: Sequence[ArmFactory],
    learned: Learned | None,
    look: Look,
) -> Sequence[EvalRecord]:
    """Return the chosen arm's records on validation documents, where training never saw some of their groups.

    Where the confidence was learned from them, what they say of new groups is a little too good.
    """
    examples = validation_documents(session, dataset)
    trained = set(dataset.manifest.groups_in_train)
    if all(example.group is None or example.group in trained for example in examples):
        return ()
    found = _on_validation(session, dataset, task, made, choice, arms)
    if found is None:
        return ()
    evaluated = learned.stated(found.looked, examples, task) if learned else found.looked.evaluated
    return look("validation", evaluated).records


def _on_validation(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    choice: Choice | None,
    arms: Sequence[ArmFactory],
) -> _Measured | None:
    """Return the chosen arm's answers to validation documents, which were measured when it was chosen."""
    examples = validation_documents(session, dataset)
    few = sample(examples, session.config.evaluation.base_documents)
    inputs = inputs_of(session, dataset, task, made)._replace(test=examples, few=few)
    return _on_split(session, dataset, task, inputs, choice, arms, "validation") if examples else None


class _Measured(NamedTuple):
    """The chosen arm on one split, what answers for it, and every arm that can answer on this machine."""

    looked: Looked
    served: Served
    servable: tuple[Served, ...]


def _on_split(
    session: Session,
    dataset: Dataset,
    task: Task,
    inputs: ArmInputs,
    choice: Choice | None,
    arms: Sequence[ArmFactory],
    split: Split,
) -> _Measured | None:
    """Measure the chosen arm, or the parts of the chosen hybrid and then the hybrid."""
    if choice is None:
        return None
    plans = _plans(arms, inputs)
    found = [plan for name in choice.answering if (plan := plans.get(name)) and plan.arm.local]
    if len(found) < len(choice.answering):
        return None
    servable = tuple(served_by(session, plan) for plan in plans.values() if plan.arm.local)
    measured = [evaluate_one(session, dataset, task, split, plan) for plan in found]
    if choice.candidate != HYBRID or choice.hybrid is None:
        served = served_by(session, found[0])
        second = second_look(choice, served, servable)
        other = evaluate_one(session, dataset, task, split, plans[second]) if second else None
        return _Measured(Looked(measured[0], answers_of(other), second), served, servable)
    plan = hybrid_plan(inputs, choice.hybrid, measured)
    evaluated = evaluate_one(session, dataset, task, split, plan)
    return _Measured(Looked(evaluated), served_by_parts(session, choice.hybrid, found), servable)


def measure_on_test(
    dataset: Dataset,
    task: Task,
    evaluated: tuple[Evaluated, ...],
    choice: Choice | None,
    calibrated: Calibrated | None,
) -> tuple[tuple[Evaluated, ...], Calibrated | None]:
    """Return the evaluations with the learned confidence of the chosen arm, and how good it is there."""
    arms = {one.evaluation.arm.name: one for one in evaluated}
    if choice is None or calibrated is None or calibrated.learned is None or choice.candidate not in arms:
        return evaluated, calibrated
    confidence = calibrated.learned.confidence
    second = confidence.second_look if confidence else ""
    looked = Looked(arms[choice.candidate], answers_of(arms.get(second)), second)
    summary, chosen = measure_confidence(calibrated.learned, looked, dataset, task)
    changed = tuple(chosen if one is arms[choice.candidate] else one for one in evaluated)
    return changed, calibrated._replace(confidence=summary)


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
    fields = calibrated.fields
    if calibrated.policy.threshold is None and (fields is None or fields.threshold is None):
        session.skip(
            cascade.NAME, "not measured: no threshold keeps the error bound on the calibration split"
        )
        return ()
    local = calibrated.look("test", arms[choice.candidate])
    local = local._replace(evaluation=priced(session.config.decision, local))
    examples = tuple(dataset.splits["test"])
    plan = cascade.cascade_plan(task, examples, local, cloud, calibrated.policy, fields)
    if calibrated.confidence is not None and calibrated.confidence.digest:
        plan = plan._replace(identity=plan.identity | {"confidence": calibrated.confidence.digest})
    return (evaluate_one(session, dataset, task, "test", plan),) if plan.examples else ()


OWN_FIELDS = (
    "Everything goes to the cloud: these documents ask for fields of their own or have their own schema, "
    "and the gateway serves the task's one prompt and schema, which was not calibrated."
)


NOTHING_HERE = {
    "threshold": None,
    "basis": "infeasible",
    "expected_local_share": 0.0,
    "reason": OWN_FIELDS,
}


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
