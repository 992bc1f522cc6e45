"""When a cloud may be asked, and what is said before money is spent."""

import pytest
from support.arms import dataset_of
from support.walks import FakeDisplay, session_on

from insource.arms.factory import CloudPrice
from insource.arms.prompts import described
from insource.foundation.errors import PrerequisiteError, UserError
from insource.logs.collect import logged
from insource.logs.recorder import STORE_FILE
from insource.models.protocol import ModelInfo
from insource.models.replay import ReplayModel
from insource.store.database import open_database
from insource.workflow.ask_cloud import ask_cloud, cloud_model, cloud_price, cloud_prompt, confirm_cost


class Cloud:
    def __init__(self, simulated=False):
        self.info = ModelInfo(name="openai/gpt-4o-mini", local=False, simulated=simulated)


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


@pytest.mark.parametrize(
    ("name", "cap", "said"), [("openai/gpt-4o-mini", 1e-7, "about $"), ("who/knows", 5.0, "unknown")]
)
def test_a_cap_holds_even_for_those_who_always_say_yes(project, rows, example_task, name, cap, said):
    session, cloud = session_on(project(), FakeDisplay(answer=True)), Cloud()
    cloud.info = ModelInfo(name=name, local=False)
    session.cap_usd = cap
    with pytest.raises(UserError, match="Nothing was sent") as caught:
        confirm_cost(session, cloud, example_task, rows.examples(rows.pumps(3)))
    assert said in caught.value.message
    assert session.display.questions == []
    session.cap_usd = 5.0
    confirm_cost(session, Cloud(), example_task, rows.examples(rows.pumps(3)))


def test_nothing_to_ask_or_nobody_to_pay_needs_no_question(project, rows, example_task):
    display = FakeDisplay(answer=False)
    confirm_cost(session_on(project(), display), Cloud(), example_task, ())
    confirm_cost(
        session_on(project(), display), Cloud(simulated=True), example_task, rows.examples(rows.pumps(3))
    )
    assert display.questions == []


def test_every_question_and_answer_is_in_the_log(project, rows, example_task):
    examples = rows.examples(rows.pumps(3))
    answers = {described(example_task, one): one.target for one in examples}
    display = FakeDisplay()
    walk = session_on(project(), display)
    cloud = ReplayModel("openai/gpt-4o-mini", answers)
    ask_cloud(walk, examples, cloud_prompt(example_task), example_task, cloud)
    assert len(display.questions) == 1
    assert walk.stages[-1].stage == "log"
    with open_database(walk.project.workspace / STORE_FILE) as database:
        found = logged(database, examples, cloud_prompt(example_task), task=example_task.name)
    assert {found.answers[one.row_id]["openai/gpt-4o-mini"].text for one in examples} == {
        one.target for one in examples
    }
    ask_cloud(walk, examples, cloud_prompt(example_task), example_task, cloud)
    assert len(display.questions) == 1  # nothing was left to ask


@pytest.mark.parametrize(
    ("config", "price"),
    [
        ("", CloudPrice(None, "")),
        ("[reference]\ncost_per_1000_usd = 12.5\n", CloudPrice(12.5, "insource.toml")),
        (
            "[reference]\ncost_per_1000_usd = 12.5\ncost_source = 'the invoice'\n",
            CloudPrice(12.5, "the invoice"),
        ),
        (
            "[reference]\nmodel = 'openai/other'\ncost_per_1000_usd = 12.5\n",
            CloudPrice(None, ""),
        ),
    ],
)
def test_the_price_is_the_configured_one_when_that_model_is_meant(project, example_task, config, price):
    dataset = dataset_of((), (), example_task, clouds=("openai/gpt",))
    assert cloud_price(session_on(project(config=config)), dataset, example_task, "openai/gpt") == price
