"""Every kind of chosen model that needs no engine: the same answers from serve, gateway and predict.

The kinds behind an engine are in test_one_engine.py.
"""

import json

import openai
import pytest
from support.child_python import TESTS, python_path
from support.fitted_models import SURE, fields_output, finished_run, keyword_fields, keyword_labels
from support.gateway_process import running, serving

from insource.types import Served

URGENT = "The invoice is wrong, answer asap"
MODULE = "support.fitted_models"
ENVIRONMENT = python_path(TESTS)
ANSWERS = {
    "labels": (SURE, "billing"),
    "fields": (URGENT, {"team": "billing", "urgent": True}),
    "hybrid": (URGENT, {"team": "billing", "urgent": True}),
    "stages": (URGENT, {"team": "billing", "urgent": True}),
}
NAMES = tuple(ANSWERS)


def hybrid():
    """The team of one model, the urgency of another."""
    files = "20260101T000000Z-fit-abcdef/model"
    parts = tuple(Served(arm=name, model=name, kind="fitted", folder=files) for name in ("first", "second"))
    source = {"team": 0, "urgent": 1}
    return Served(arm="hybrid", model="first + second", kind="hybrid", parts=parts, source=source)


def stages():
    """The first model where it is all but certain, which it never is, then the second."""
    return hybrid().model_copy(update={"arm": "stages", "kind": "staged", "source": {}, "keep_from": 0.999})


def projects(folder):
    for name in NAMES:
        (folder / name).mkdir()
        (folder / name / "insource.toml").write_text(f"[task]\nname = '{name}'\n")
    finished_run(folder / "labels" / ".insource", keyword_labels())
    finished_run(folder / "fields" / ".insource", keyword_fields(), fields_output())
    finished_run(folder / "hybrid" / ".insource", keyword_fields(), fields_output(), served=hybrid())
    finished_run(folder / "stages" / ".insource", keyword_fields(), fields_output(), served=stages())
    return [argument for name in NAMES for argument in ("--project", name)]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The answer of every kind, by who gave it."""
    folder = tmp_path_factory.mktemp("kinds")
    arguments = projects(folder)
    with serving(folder, *arguments, env=ENVIRONMENT, module=MODULE) as (url, key, _):
        served = {name: asked(url.removesuffix("/v1"), key, name) for name in NAMES}
    with running(folder, ENVIRONMENT, MODULE, arguments) as process:
        routed = {name: asked(process.root, "sk-x", name) for name in NAMES}
    return {"serve": served, "gateway": routed, "folder": folder}


def asked(root, key, name):
    """Ask as a client that changed its base URL and kept its model's name, then by the task's name."""
    document = ANSWERS[name][0]
    found = []
    for url, model in ((f"{root}/t/{name}/v1", "insource/auto"), (f"{root}/v1", name)):
        with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
            messages = [{"role": "user", "content": document}]
            found.append(client.chat.completions.create(model=model, messages=messages))
    texts = {one.choices[0].message.content for one in found}
    assert len(texts) == 1
    return texts.pop()


def read(name, text):
    return text if name == "labels" else json.loads(text)


@pytest.mark.parametrize("who", ["serve", "gateway"])
@pytest.mark.parametrize("name", NAMES)
def test_each_kind_is_served_behind_the_same_address(answers, who, name):
    assert read(name, answers[who][name]) == ANSWERS[name][1]


@pytest.mark.parametrize("name", NAMES)
def test_predict_answers_as_the_served_model(answers, name, monkeypatch, tmp_path):
    from support.walks import session_on

    from insource.workflow.predict import predict

    rows, to = tmp_path / "rows.jsonl", tmp_path / "answers.jsonl"
    rows.write_text(json.dumps({"id": "r1", "input": ANSWERS[name][0]}) + "\n")
    predict(session_on(answers["folder"] / name), {rows.name: rows}, to)
    assert json.loads(to.read_text())["output"] == read(name, answers["serve"][name])
