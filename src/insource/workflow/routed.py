"""What the policy does on the test split, beside a router that decides before any model answers."""

from __future__ import annotations

from collections.abc import Sequence

from insource.arms import cascade
from insource.decision.cost import priced
from insource.evaluation.stage import Evaluated
from insource.routing.bounds.losses import Counting
from insource.routing.bounds.served import Ways, gain_share, served_shares
from insource.routing.gain import GainModel, fit_gain
from insource.types import Dataset, EvalRecord, RoutingSummary, Task
from insource.types.choice import Choice
from insource.types.routing import ServedShare
from insource.workflow.bound import counting_of
from insource.workflow.route import Calibrated
from insource.workflow.session import Session

LEAST_LEARNED = 50
"""A gain that was learned from fewer documents says nothing."""


def routing_of(
    session: Session,
    dataset: Dataset,
    task: Task,
    calibrated: Calibrated,
    evaluated: Sequence[Evaluated],
    choice: Choice | None,
) -> RoutingSummary:
    """Return the policy with what it did on the test split, which is never what it was fitted on."""
    arms = {one.evaluation.arm.name: one for one in evaluated}
    policy = calibrated.policy
    if choice is None or choice.candidate not in arms or policy.threshold is None:
        return RoutingSummary(policy=policy)
    local, cloud = calibrated.look("test", arms[choice.candidate]), arms.get(choice.baseline)
    if cloud is not None and cloud.evaluation.arm.role != "reference":
        cloud = None
    theirs = {record.row_id: record for record in cloud.records} if cloud else {}
    counting = counting_of(session.config.routing, task, theirs)
    if counting is None:
        return RoutingSummary(policy=policy)
    here = priced(session.config.decision, local).arm.cost_per_1000_usd
    ways = Ways(here, cloud.evaluation.arm.cost_per_1000_usd if cloud else None)
    served = served_shares(
        policy, counting, local.records, lambda record: cascade.is_kept(policy, record), theirs, ways
    )
    return RoutingSummary(
        policy=policy,
        served=(*served, *_by_gain(dataset, calibrated, counting, local.records, theirs, ways)),
    )


def _by_gain(
    dataset: Dataset,
    calibrated: Calibrated,
    counting: Counting,
    records: Sequence[EvalRecord],
    theirs: dict[str, EvalRecord],
    ways: Ways,
) -> tuple[ServedShare, ...]:
    """Return what routing by expected gain would have done, where both arms' answers say what it is."""
    policy = calibrated.policy
    records = [record for record in records if record.row_id in theirs]
    handed_over = sum(not cascade.is_kept(policy, record) for record in records)
    model = _learned(dataset, calibrated)
    if model is None or not 0 < handed_over < len(records):
        return ()
    texts = {example.row_id: example.input for example in dataset.splits["test"]}
    gains = [model.gain(texts[record.row_id]) for record in records]
    return (gain_share(policy, counting, records, gains, handed_over, theirs, ways),)


def _learned(dataset: Dataset, calibrated: Calibrated) -> GainModel | None:
    """Return the gain as the calibration documents teach it; it is no part of the bound that they certify."""
    texts = {example.row_id: example.input for example in dataset.splits["calibration"]}
    cloud = {record.row_id: record for record in calibrated.cloud}
    both = [record for record in calibrated.evaluated.records if record.row_id in cloud]
    if len(both) < LEAST_LEARNED:
        return None
    return fit_gain(
        [texts[record.row_id] for record in both],
        [_right(record) for record in both],
        [_right(cloud[record.row_id]) for record in both],
    )


def _right(record: EvalRecord) -> bool:
    return record.score is not None and record.score.exact
