"""What a walk through the loop keeps, and when a cloud may be asked."""

from pathlib import Path

import pytest
from support.walks import FakeDisplay, session_on

from insource.arms.local import longest_answer
from insource.arms.logged import CloudPrice, cloud
from insource.arms.prompts import described
from insource.evaluation.sample import sample
from insource.foundation.errors import PrerequisiteError, UserError
from insource.models.protocol import ModelInfo
from insource.runs.folders import Run
from insource.types import Dataset, DatasetManifest, TrainingSummary
from insource.workflow.ask_cloud import cloud_model, confirm_cost


class Cloud:
    def __init__(self, simulated=False):
        self.info = ModelInfo(name="openai/gpt-4o-mini", local=False, simulated=simulated)


def test_a_stage_read_back_says_so(project):
    display = FakeDisplay()
    walk = session_on(project(), display)
    manifest = {"key": "k" * 64, "seconds": 1.5, "result": {}}
    walk.done(Run(stage="train", run_id="r1", path=Path("runs/r1"), manifest=manifest))
    assert display.notes == []
    walk.done(Run(stage="train", run_id="r1", path=Path("runs/r1"), manifest=manifest, skipped=True))
    assert "Skipped: r1" in display.notes[0]
    assert [stage.skipped for stage in walk.stages] == [False, True]
    assert walk.stages[0].path == "r1"


def test_each_walk_is_its_own_look(project):
    folder = project()
    assert session_on(folder).look_id != session_on(folder).look_id


def test_without_a_reference_there_is_no_cloud(project, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert cloud_model(session_on(project())) is None


def test_a_cloud_needs_its_key_in_the_environment(project, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    folder = project(config="[reference]\nmodel = 'openai/gpt-4o-mini'\napi_key_env = 'MY_KEY'\n")
    with pytest.raises(PrerequisiteError) as caught:
        cloud_model(session_on(folder))
    assert caught.value.code == "no-api-key"
    assert "$MY_KEY" in caught.value.message
    monkeypatch.setenv("MY_KEY", "secret")
    assert cloud_model(session_on(folder)).info == ModelInfo(name="openai/gpt-4o-mini", local=False)


def test_a_local_only_task_has_no_cloud_even_with_a_key(project, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    config = "[task]\nprivacy = 'local-only'\n[reference]\nmodel = 'openai/gpt-4o-mini'\n"
    with pytest.raises(UserError) as caught:
        cloud_model(session_on(project(config=config)))
    assert caught.value.code == "local-only"


def test_money_needs_a_yes_and_the_question_names_the_sum(project, rows, example_task):
    examples = rows.examples(rows.pumps(3))
    display = FakeDisplay(answer=False)
    with pytest.raises(UserError, match="Nothing was sent") as caught:
        confirm_cost(session_on(project(), display), Cloud(), example_task, examples)
    assert caught.value.code == "not-confirmed"
    assert "3 documents costs about $" in display.questions[0]
    confirm_cost(session_on(project(), FakeDisplay(answer=True)), Cloud(), example_task, examples)


def test_nothing_to_ask_or_nobody_to_pay_needs_no_question(project, rows, example_task):
    display = FakeDisplay(answer=False)
    confirm_cost(session_on(project(), display), Cloud(), example_task, ())
    confirm_cost(
        session_on(project(), display), Cloud(simulated=True), example_task, rows.examples(rows.pumps(3))
    )
    assert display.questions == []


def test_a_sample_is_in_order_and_never_changes(rows):
    examples = rows.examples(rows.tickets(100))
    few = sample(examples, 10)
    assert len(few) == 10
    assert [e.row_id for e in examples if e in few] == [e.row_id for e in few]
    assert sample(tuple(reversed(examples)), 10) == tuple(reversed(few))
    assert sample(examples, None) == examples
    assert sample(examples, 1000) == examples


def test_a_sample_of_alternating_rows_has_both_kinds(rows):
    examples = rows.examples(rows.tickets(100))
    places = {examples.index(one) % 5 for one in sample(examples, 40)}
    assert places == {0, 1, 2, 3, 4}


def test_the_longest_answer_has_half_as_much_room_again():
    training = TrainingSummary(
        base_model="m",
        examples=1,
        steps=1,
        planned_steps=1,
        epochs=1,
        tokens=1,
        tokens_per_s=1,
        best_step=1,
        best_validation_loss=None,
        stopped="",
        longest_answer_tokens=33,
    )
    assert longest_answer(training) == 50


def dataset(examples, *, simulated=()):
    manifest = DatasetManifest(
        name="d",
        digest="0" * 64,
        source="test",
        read=len(examples),
        counts={"test": len(examples)},
        dropped={},
        output={"kind": "text"},
        split_reason="given",
        cloud_models=("gpt",),
        simulated_models=simulated,
    )
    return Dataset(splits={"test": examples}, dropped=(), manifest=manifest)


def test_logged_answers_are_replayed_and_a_simulated_cloud_says_so_everywhere(rows, example_task):
    lines = [row | {"cloud_outputs": {"gpt": "{}"}} for row in rows.pumps(2)]
    examples = rows.examples(lines)
    price = CloudPrice(30.0, "published")
    real = cloud(example_task, dataset(examples), "gpt", examples, price)
    assert (real.arm.kind, real.arm.cost_basis) == ("cloud", "published")
    with real.model() as model:
        assert model.generate(real.ask(examples[0])).text == "{}"
        assert not model.info.simulated
    pretended = cloud(example_task, dataset(examples, simulated=("gpt",)), "gpt", examples, price)
    assert (pretended.arm.kind, pretended.arm.cost_basis) == ("simulated", "assumed: published")
    with pretended.model() as model:
        assert model.info.simulated


def test_other_answers_are_another_evaluation(rows, example_task):
    examples = rows.examples([row | {"cloud_outputs": {"gpt": "{}"}} for row in rows.pumps(2)])
    others = rows.examples([row | {"cloud_outputs": {"gpt": "no"}} for row in rows.pumps(2)])
    price = CloudPrice(None, "")
    first = cloud(example_task, dataset(examples), "gpt", examples, price)
    second = cloud(example_task, dataset(others), "gpt", others, price)
    assert first.identity != second.identity


def test_an_untuned_model_is_told_the_answer_s_shape(rows, example_task):
    (example,) = rows.examples(rows.pumps(1))
    told = described(example_task, example)
    assert "JSON Schema" in told[0].content
    assert "JSON Schema" not in example_task.messages(example.input)[0].content
