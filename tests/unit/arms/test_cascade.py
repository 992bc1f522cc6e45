"""The cascade is replayed from the records of the chosen arm and the cloud."""

from pathlib import Path

import pytest

from insource.arms.cascade import cascade_plan
from insource.evaluation.stage import Evaluated
from insource.foundation.errors import ProviderError
from insource.runs.folders import Run
from insource.types import (
    Arm,
    Completion,
    EvalRecord,
    Evaluation,
    Example,
    JsonSchema,
    Labels,
    Policy,
    Score,
    Task,
)
from insource.types.ways import FieldPolicy

TASK = Task(name="tickets", instruction="Route.", output=Labels(names=("a", "b")), primary_metric="accuracy")
EXAMPLES = tuple(
    Example(row_id=f"r{n}", digest=str(n), input=f"text {n}", target="a", provenance={"source": "t"})
    for n in range(4)
)
POLICY = Policy(
    threshold=0.8,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=100,
    expected_local_share=0.5,
    reason="",
)


def score(valid=True):
    flags = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), valid)
    return Score(slots=(), exact=True, **flags)


def record(n, text, *, confidence=None, latency=1.0, valid=True):
    if text is None:
        return EvalRecord(row_id=f"r{n}", status="failed", reason="timeout: nothing came")
    return EvalRecord(
        row_id=f"r{n}",
        status="scored",
        completion=Completion(text=text, latency_s=latency),
        score=score(valid),
        confidence=confidence,
    )


def evaluated(name, role, records, *, price, simulated=False, local=False):
    arm = Arm(
        name=name,
        model=name,
        kind=name,
        role=role,
        cost_per_1000_usd=price,
        simulated=simulated,
        local=local,
    )
    evaluation = Evaluation(
        arm=arm, split="test", n=len(records), scored=0, failed=0, unscored=0, metrics={}, fields=()
    )
    run = Run(stage="evaluate", run_id=name, path=Path(name), manifest={"key": name})
    return Evaluated(run, evaluation, tuple(records))


LOCAL = evaluated(
    "here",
    "candidate",
    [
        record(0, "here", confidence=0.9),
        record(1, "here", confidence=0.7),
        record(2, "here", confidence=0.99, valid=False),
        record(3, None),
    ],
    price=1.0,
    local=True,
)
CLOUD = evaluated(
    "gpt", "reference", [record(0, "gpt"), record(1, "gpt"), record(2, "gpt"), record(3, None)], price=20.0
)


def answers(plan):
    with plan.model() as model:
        for example in plan.examples:
            try:
                yield model.generate(plan.ask(example))
            except ProviderError as error:
                yield error.message


def test_a_sure_and_valid_answer_stays_and_the_rest_is_the_cloud_s():
    plan = cascade_plan(TASK, EXAMPLES, LOCAL, CLOUD, POLICY)
    first, second, third, fourth = answers(plan)
    assert [first.text, second.text, third.text] == ["here", "gpt", "gpt"]
    assert fourth == "timeout: nothing came"
    assert (first.latency_s, second.latency_s) == (1.0, 2.0)


def test_the_cost_is_that_of_both():
    arm = cascade_plan(TASK, EXAMPLES, LOCAL, CLOUD, POLICY).arm
    assert arm.cost_per_1000_usd == pytest.approx(1.0 + 0.75 * 20.0)
    unknown = evaluated("gpt", "reference", CLOUD.records, price=None)
    assert cascade_plan(TASK, EXAMPLES, LOCAL, unknown, POLICY).arm.cost_per_1000_usd is None


def test_only_documents_that_both_were_asked_about_are_judged():
    fewer = evaluated("gpt", "reference", CLOUD.records[:2], price=20.0)
    plan = cascade_plan(TASK, EXAMPLES, LOCAL, fewer, POLICY)
    assert [one.row_id for one in plan.examples] == ["r0", "r1"]


def test_with_a_simulated_cloud_it_proves_nothing():
    fake = evaluated("fake", "reference", CLOUD.records, price=20.0, simulated=True)
    assert cascade_plan(TASK, EXAMPLES, LOCAL, fake, POLICY).arm.simulated


def test_one_text_that_is_asked_for_other_fields_has_an_answer_each():
    twice = (EXAMPLES[0], EXAMPLES[1].model_copy(update={"input": "text 0", "attributes": ("a",)}))
    theirs = evaluated("gpt", "reference", [record(0, "all"), record(1, "some")], price=20.0)
    unsure = evaluated("here", "candidate", [record(0, "here"), record(1, "here")], price=1.0, local=True)
    plan = cascade_plan(TASK, twice, unsure, theirs, POLICY)
    assert [one.text for one in answers(plan)] == ["all", "some"]


FIELDS_TASK = Task(
    name="specs",
    instruction="Extract.",
    output=JsonSchema(
        definition={
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "required": ["a", "b"],
        }
    ),
)
FIELDS = FieldPolicy(
    threshold=0.8,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=100,
    expected_share=0.5,
    reason="",
)
OURS, THEIRS = '{"a":"our a","b":"our b"}', '{"a":"their a","b":"their b"}'


def unsure_of(n, fields, **more):
    found = record(n, OURS, **more)
    completion = found.completion.model_copy(update={"field_confidences": fields})
    return found.model_copy(update={"completion": completion})


def test_a_document_keeps_its_sure_fields_and_gets_the_others_from_the_cloud():
    local = evaluated(
        "here",
        "candidate",
        [
            unsure_of(0, {"a": 0.9, "b": 0.9}),
            unsure_of(1, {"a": 0.9, "b": 0.1}),
            unsure_of(2, {"a": 0.1}),
            unsure_of(3, {"a": 0.9, "b": 0.9}, valid=False),
        ],
        price=1.0,
        local=True,
    )
    cloud = evaluated("gpt", "reference", [record(n, THEIRS) for n in range(4)], price=20.0)
    plan = cascade_plan(FIELDS_TASK, EXAMPLES, local, cloud, POLICY, FIELDS)
    with plan.model() as model:
        found = [model.generate(plan.ask(one)) for one in plan.examples]
    assert [one.text for one in found] == [OURS, '{"a":"our a","b":"their b"}', THEIRS, THEIRS]
    assert [one.latency_s for one in found] == [1.0, 2.0, 2.0, 2.0]  # the wasted local time included
    assert plan.arm.cost_per_1000_usd == 1.0 + 0.75 * 20.0
    assert plan.identity != cascade_plan(FIELDS_TASK, EXAMPLES, local, cloud, POLICY).identity
