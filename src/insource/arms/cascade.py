"""The cascade: the chosen arm's answer where it is sure enough, the cloud's where it is not.

Before it, a cheap local arm may be asked (stages). All answers are on record, so both are replayed from
them: no model is asked again. Where the policy escalates
single fields, those come from the cloud's whole answer: what a cloud says when it is asked for them alone,
with the draft, is only known live.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from insource.arms.factory import ArmInputs
from insource.arms.fitting import ask_directly
from insource.arms.recorded import RecordsModel, by_document
from insource.contract.answers import read_answer
from insource.evaluation.plan import ArmPlan
from insource.evaluation.stage import Evaluated
from insource.foundation.canonical import digest
from insource.models.fitted.model import request_to
from insource.models.protocol import Model, Request
from insource.routing.cascade import decide
from insource.routing.ways.partial import doubtful, fields_of, merged
from insource.routing.ways.stages import StagedModel
from insource.types import Arm, EvalRecord, Example, JsonSchema, Policy, Task
from insource.types.ways import FieldPolicy

NAME, STAGES = "cascade", "stages"


def cascade_plan(
    task: Task,
    examples: tuple[Example, ...],
    local: Evaluated,
    cloud: Evaluated,
    policy: Policy,
    fields: FieldPolicy | None = None,
) -> ArmPlan:
    """Return the plan of the cascade on the documents that both arms were asked about.

    Its cost is the local arm's for every document and the cloud's for those that are escalated, in part or
    whole; an escalated document takes the time of both. ``policy``, and ``fields`` for single fields, were
    fitted on the calibration split.
    """
    ours = {record.row_id: record for record in local.records}
    theirs = {record.row_id: record for record in cloud.records}
    both = tuple(one for one in examples if one.row_id in ours and one.row_id in theirs)
    routed = {one.row_id: _routed(task, policy, fields, ours[one.row_id], theirs[one.row_id]) for one in both}
    kept = {row_id for row_id, record in routed.items() if record is ours[row_id]}
    records = by_document(both, routed.values())
    ours_arm, cloud_arm = local.evaluation.arm, cloud.evaluation.arm
    share = len(kept) / len(both) if both else 0.0
    simulated = ours_arm.simulated or cloud_arm.simulated
    arm = Arm(
        name=NAME,
        model=f"{ours_arm.model}, then {cloud_arm.model}",
        kind="cascade",
        role="candidate",
        simulated=simulated,
        description=f"{ours_arm.name} where it is sure, else {cloud_arm.name}: {share:.0%} stay here"
        + (" whole, of others the sure fields" if fields else ""),
        cost_per_1000_usd=_cost(ours_arm, cloud_arm, share),
        cost_basis=f"{ours_arm.name} for every document, {cloud_arm.name} for {1 - share:.0%}",
    )

    @contextmanager
    def model() -> Iterator[Model]:
        yield RecordsModel(arm.model, records, simulated=simulated)

    def ask(example: Example) -> Request:
        return request_to(task, example.input, example.attributes)

    identity = {
        "local": _stated(local),
        "cloud": cloud.run.digest,
        "policy": digest(policy.model_dump(mode="json")),
        **({"fields": digest(fields.model_dump(mode="json"))} if fields else {}),
    }
    return ArmPlan(arm=arm, examples=both, identity=identity, model=model, ask=ask)


def is_kept(policy: Policy, record: EvalRecord) -> bool:
    """Return whether the policy answers this document here."""
    answered = record.completion is not None and record.score is not None
    valid = answered and record.score is not None and record.score.schema_valid
    return decide(policy, record.confidence, "valid" if valid else "invalid")[0] == "local"


def _routed(
    task: Task, policy: Policy, fields: FieldPolicy | None, local: EvalRecord, cloud: EvalRecord
) -> EvalRecord:
    """Return the record that answers a document: the local one, the cloud's after it, or one of both."""
    output = task.output
    if fields is None or not isinstance(output, JsonSchema):
        return local if is_kept(policy, local) else _after(local, cloud)
    valid = local.score is not None and local.score.schema_valid
    if not valid or local.completion is None:
        return _after(local, cloud)
    names = fields_of(output)
    asked = doubtful(fields, local.completion, names)
    if not asked:
        return local
    after = _after(local, cloud)
    if len(asked) == len(names) or after.completion is None:
        return after
    answers = [read_answer(one.text, output).value for one in (local.completion, after.completion)]
    whole = merged(answers[0], answers[1], asked, output)
    if whole is None:
        return after
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    return after.model_copy(update={"completion": after.completion.model_copy(update={"text": text})})


def _after(local: EvalRecord, cloud: EvalRecord) -> EvalRecord:
    """Return the cloud's record with the time that the local attempt took before it."""
    first = local.completion.latency_s if local.completion else None
    if cloud.completion is None or cloud.completion.latency_s is None or first is None:
        return cloud
    completion = cloud.completion.model_copy(update={"latency_s": first + cloud.completion.latency_s})
    return cloud.model_copy(update={"completion": completion})


def _cost(local: Arm, cloud: Arm, share: float) -> float | None:
    if local.cost_per_1000_usd is None or cloud.cost_per_1000_usd is None:
        return None
    return local.cost_per_1000_usd + (1 - share) * cloud.cost_per_1000_usd


def stages_plan(inputs: ArmInputs, first: Evaluated, second: Evaluated, keep_from: float) -> ArmPlan:
    """Return the plan that replays both arms on the documents that both were asked about.

    A document takes the time of the first arm, and of the second where that one is asked.
    """
    asked = [{record.row_id for record in one.records} for one in (first, second)]
    examples = tuple(one for one in inputs.test if all(one.row_id in rows for rows in asked))
    arms = [one.evaluation.arm for one in (first, second)]
    arm = Arm(
        name=STAGES,
        model=f"{arms[0].model}, then {arms[1].model}",
        kind=STAGES,
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
        identity={
            "first": _stated(first),
            "second": _stated(second),
            "from": repr(keep_from),
        },
        model=model,
        ask=lambda example: ask_directly(inputs, example),
        confidence=lambda example, completion: completion.confidence,
        is_look=False,
    )


def _stated(one: Evaluated) -> str:
    """Return the digest of an evaluation and of the confidences that were stated of its answers since."""
    sure = [
        (record.row_id, record.confidence, record.completion and record.completion.field_confidences)
        for record in one.records
    ]
    return digest([one.run.digest, sure])
