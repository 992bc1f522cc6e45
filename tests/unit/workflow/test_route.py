"""The policy is fitted on calibration documents, and the gateway is driven with two of them."""

import pytest
from support.arms import dataset_of, made_of
from support.example_results import example_result, example_routing
from support.walks import FakeDisplay, session_on

from insource.arms.registry import ARMS
from insource.foundation.errors import ConfigError
from insource.routing.ways.certified import changed
from insource.types import JsonSchema, RoutingSummary
from insource.types.choice import Choice
from insource.workflow.bound import NO_MOST
from insource.workflow.evaluate import evaluate_one, inputs_of
from insource.workflow.looks import looks_at_test
from insource.workflow.route import OWN_FIELDS, calibrate, drive_gateway

RESULT = example_result(routing=RoutingSummary(policy=example_routing().policy))
CHOICE = Choice(candidate="tuned", baseline="", metric="accuracy", margin=0.02, trials=(), reason="")


def calibration(task, examples):
    dataset = dataset_of(examples[:9], examples[9:12], task)
    return dataset.model_copy(update={"splits": dataset.splits | {"calibration": examples[12:]}})


@pytest.fixture
def walk(project):
    return session_on(project(), FakeDisplay())


def test_an_error_free_calibration_split_gives_a_guarantee(walk, rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(72))
    dataset = calibration(label_task, examples)
    found = calibrate(walk, dataset, label_task, made_of(label_task, tmp_path, examples), CHOICE)
    policy, evaluated, served, servable = found[:4]
    assert (policy.basis, evaluated.evaluation.split, evaluated.evaluation.n) == (
        "guaranteed",
        "calibration",
        60,
    )
    assert walk.display.notes[-1] == policy.reason
    assert (served.arm, served.kind) == ("tuned", "engine")
    assert served in servable
    assert changed(found.certified, prompt=label_task.instruction) == ""
    assert changed(found.certified, prompt="Write a poem.") == "the system message"
    assert found.cloud == ()  # no cloud was asked
    assert len({one.arm for one in servable}) == len(servable)
    assert looks_at_test(walk, dataset.splits["test"]).most == 0


def test_documents_with_fields_of_their_own_all_go_to_the_cloud(walk, rows, example_task, tmp_path):
    examples = tuple(
        one.model_copy(update={"attributes": ("model",), "target": '{"model":"AX-100"}'})
        for one in rows.examples(rows.pumps(72))
    )
    made = made_of(example_task, tmp_path, examples)
    policy, *_ = calibrate(walk, calibration(example_task, examples), example_task, made, CHOICE)
    assert (policy.basis, policy.threshold, policy.reason) == ("infeasible", None, OWN_FIELDS)


def test_the_surest_and_the_least_sure_document_are_sent(walk, rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(20))
    dataset = calibration(label_task, examples)
    sure = {one.row_id: n / 10 for n, one in enumerate(examples[12:])}
    made = made_of(label_task, tmp_path, examples)._replace(
        confidence=lambda example, completion: sure[example.row_id]
    )
    calibrated = calibrate(walk, dataset, label_task, made, CHOICE)
    sent = []

    def drive(session, result, documents):
        sent.extend(one.row_id for one in documents)
        return ()

    assert drive_gateway(walk, dataset, RESULT, calibrated, drive).routing.calls == ()
    assert sent == [examples[-1].row_id, examples[12].row_id]
    assert walk.stages[-1].stage == "route"


def test_nothing_is_driven_without_somebody_to_drive_or_something_to_send(walk, rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(14))
    dataset = calibration(label_task, examples)
    made = made_of(label_task, tmp_path, examples)
    calibrated = calibrate(walk, dataset, label_task, made, CHOICE)
    assert drive_gateway(walk, dataset, RESULT, calibrated, None).routing.calls == ()
    assert drive_gateway(walk, dataset, RESULT, None, never).routing.calls == ()


def test_without_confidence_nothing_is_driven(walk, rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(14))
    dataset = calibration(label_task, examples)
    made = made_of(label_task, tmp_path, examples)._replace(confidence=lambda example, completion: None)
    calibrated = calibrate(walk, dataset, label_task, made, CHOICE)
    assert calibrated.policy.threshold is None
    assert drive_gateway(walk, dataset, RESULT, calibrated, never).routing.calls == ()


def test_only_the_chosen_arm_is_calibrated(walk, rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(14))
    made = made_of(label_task, tmp_path, examples)
    dataset = calibration(label_task, examples)
    assert calibrate(walk, dataset, label_task, made, None) is None
    assert (
        calibrate(walk, dataset, label_task, made, CHOICE.model_copy(update={"candidate": "not there"}))
        is None
    )
    assert calibrate(walk, dataset, label_task, made, CHOICE).evaluated.evaluation.arm.name == "tuned"


def never(session, result, documents):
    pytest.fail("the gateway was driven")


def with_loss(project, **routing):
    lines = "".join(f"{key} = {value!r}\n" for key, value in routing.items())
    return session_on(project(config=f"[task]\nname = 'tickets'\n[routing]\n{lines}"), FakeDisplay())


def test_the_configured_loss_is_what_the_policy_bounds(project, rows, label_task, tmp_path):
    """A label is one field, so that its bound needs no statement; a text needs one."""
    walk = with_loss(project, loss="fields")
    examples = rows.examples(rows.tickets(112))
    made = made_of(label_task, tmp_path, examples)
    policy = calibrate(walk, calibration(label_task, examples), label_task, made, CHOICE).policy
    assert (policy.loss, policy.basis, policy.threshold is None) == ("fields", "guaranteed", False)
    assert walk.display.notes[-1] == policy.reason


def test_answers_in_the_grey_zone_are_looked_at_twice_where_the_policy_is_fitted_and_tested(
    project, rows, label_task, tmp_path
):
    """The engine of these tests says the same again, so that half of the doubt goes."""
    walk = with_loss(project, second_look=[0.3, 0.9])
    examples = rows.examples(rows.tickets(72))
    dataset = calibration(label_task, examples)
    doubtful = {one.row_id for one in (*examples[9:12], *examples[30:60])}
    made = made_of(label_task, tmp_path, examples)._replace(
        confidence=lambda example, completion: 0.5 if example.row_id in doubtful else 0.95
    )
    calibrated = calibrate(walk, dataset, label_task, made, CHOICE)
    sure = {record.row_id: record.confidence for record in calibrated.evaluated.records}
    assert sure == {one.row_id: 0.75 if one.row_id in doubtful else 0.95 for one in examples[12:]}
    assert (calibrated.policy.basis, calibrated.policy.threshold) == ("guaranteed", 0.75)
    inputs = inputs_of(walk, dataset, label_task, made)
    plan = next(plan for arm in ARMS if arm.kind == "tuned" for plan in arm.make(inputs))
    tested = evaluate_one(walk, dataset, label_task, "test", plan)
    assert {record.confidence for record in tested.records} == {0.5}
    assert {record.confidence for record in calibrated.look("test", tested).records} == {0.75}
    assert looks_at_test(walk, dataset.splits["test"]).most == 1  # the second look is none


def test_a_cheap_arm_may_be_asked_first_and_both_are_certified_together(project, rows, label_task, tmp_path):
    walk = with_loss(project, first="labels-ngrams")
    examples = rows.examples(rows.tickets(120))
    dataset = calibration(label_task, examples[:12] + examples[30:])
    dataset = dataset.model_copy(
        update={"splits": dataset.splits | {"train": examples[:9], "validation": examples[12:30]}}
    )
    made = made_of(label_task, tmp_path, examples)
    calibrated = calibrate(walk, dataset, label_task, made, CHOICE)
    assert (calibrated.served.kind, calibrated.served.arm) == ("staged", "stages")
    assert [part.kind for part in calibrated.served.parts] == ["fitted", "engine"]
    assert calibrated.evaluated.evaluation.arm.name == "stages"
    assert any("labels-ngrams is asked first" in note for note in walk.display.notes)


@pytest.mark.parametrize("name", ["tuned", "no such arm"])
def test_a_first_stage_that_cannot_be_one_is_named(project, rows, label_task, tmp_path, name):
    walk = with_loss(project, first=name)
    examples = rows.examples(rows.tickets(30))
    made = made_of(label_task, tmp_path, examples)
    with pytest.raises(ConfigError, match=r"routing\.first"):
        calibrate(walk, calibration(label_task, examples), label_task, made, CHOICE)


def test_fields_without_a_limit_need_one_stated(project, rows, example_task, tmp_path):
    examples = rows.examples(rows.pumps(112))
    made = made_of(example_task, tmp_path, examples)
    dataset = calibration(example_task, examples)

    def policy(**routing):
        walk = with_loss(project, loss="fields", **routing)
        return calibrate(walk, dataset, example_task, made, CHOICE).policy

    open_ended = example_task.model_copy(
        update={
            "output": JsonSchema(definition={**example_task.output.definition, "additionalProperties": True})
        }
    )
    walk = with_loss(project, loss="fields")
    assert calibrate(walk, dataset, open_ended, made, CHOICE).policy.reason == NO_MOST
    held = len(example_task.output.definition["properties"])
    assert (policy(most_fields=held).loss, policy(most_fields=held).basis) == ("fields", "guaranteed")
    assert "at most 1 were stated" in policy(most_fields=1).reason
