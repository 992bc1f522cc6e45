"""What a walk through the loop keeps, and when a cloud may be asked."""

from pathlib import Path

import pytest
from support.walks import FakeDisplay, session_on

from insource.evaluation.sample import sample
from insource.foundation.errors import PrerequisiteError, UserError
from insource.models.protocol import ModelInfo
from insource.runs.folders import Run
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
    assert "Already done in r1" in display.notes[0]
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
