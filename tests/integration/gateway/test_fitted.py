"""The gateway with a fitted model: a real process on loopback, asked by the official client."""

import httpx2
import openai
import pytest
from support.child_python import TESTS, python_path
from support.example_results import example_routing
from support.fitted_models import LABELS, RUN, SURE, UNSURE, WORDS, finished_run, keyword_labels
from support.gateway_kit import Provider
from support.gateway_process import recorded, running, serving
from support.judged_answers import halving, kept, summary_of

from insource.models.fitted.registry import save
from insource.routing.fields.features import FEATURES
from insource.types import Completion, Labels, Served

CONFIG = """
[task]
name = "teams"
instruction = "Other words than those of the run."

[reference]
model = "openai/big-cloud"
base_url = "{url}"

[upstreams.openai]
base_url = "{url}"
"""
VERSION = f"teams@{RUN}"
NO_ENGINE = "import sys; sys.modules['xllamacpp'] = None"


@pytest.fixture
def provider():
    with Provider() as cloud:
        yield cloud


@pytest.fixture
def folder(tmp_path, provider):
    (tmp_path / "insource.toml").write_text(CONFIG.format(url=provider.url))
    finished_run(tmp_path / ".insource")
    return tmp_path


@pytest.fixture
def environment(tmp_path_factory):
    """The tests' modules can be imported, and the engine cannot."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(NO_ENGINE)
    path = python_path(TESTS)["PYTHONPATH"]
    return {"PYTHONPATH": f"{site}:{path}"}


def client_of(gateway):
    return openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-callers", max_retries=0)


def chat(client, document, model="teams"):
    return client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": document}]
    )


def test_a_sure_label_is_answered_here_and_a_doubtful_one_by_the_cloud(folder, environment, provider):
    with running(folder, environment, "support.fitted_models") as gateway, client_of(gateway) as client:
        told = gateway.told
        sure, unsure = chat(client, SURE), chat(client, UNSURE)
        health = client.get("/../health", cast_to=object)
    assert "Answers teams with tfidf" in told
    answer = sure.parse()
    assert (answer.choices[0].message.content, answer.model) == ("billing", VERSION)
    assert sure.headers["x-insource-route"] == "local"
    assert float(sure.headers["x-insource-confidence"]) > 0.99
    assert unsure.headers["x-insource-route"] == "cloud"
    assert unsure.headers["x-insource-reason"] == "low-confidence"
    assert len(provider.seen) == 1
    teams = health["tasks"]["teams"]
    assert teams["engine"] == {"configured": True, "alive": True}
    assert (teams["model"], teams["reasons"]) == (VERSION, {"confident": 1, "low-confidence": 1})
    routes = {call.route.to: call for call in recorded(folder)}
    assert routes["local"].response_text == "billing"
    assert routes["local"].route.confidence > 0.99


@pytest.fixture
def served(folder, environment):
    """``insource serve`` for a fitted model, in a process of its own: its address and its key."""
    with (
        serving(folder, env=environment, module="support.fitted_models") as (url, key, _),
        openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client,
    ):
        yield client


def test_a_fitted_model_is_served_alone_without_an_engine(served, folder, provider):
    assert [model.id for model in served.models.list()] == [VERSION, "teams", "insource/auto"]
    assert chat(served, SURE).parse().choices[0].message.content == "billing"
    # It has no policy, so it answers however unsure it is.
    assert chat(served, UNSURE).parse().choices[0].message.content in LABELS
    events = served.chat.completions.create(
        model="teams", messages=[{"role": "user", "content": SURE}], stream=True
    )
    assert "".join(event.choices[0].delta.content or "" for event in events) == "billing"
    question = {"type": "choice", "instructions": "?", "choices": [{"value": label} for label in LABELS]}
    decision = served.decisions.create(model="teams", input=SURE, questions=[question])
    assert decision.answers[0].choice == "billing"
    assert provider.seen == []


def test_what_a_served_model_does_not_do_is_refused_with_the_reason(served):
    with pytest.raises(openai.AuthenticationError) as caught:
        chat(served.with_options(api_key="another"), SURE)
    assert caught.value.code == "missing-key"
    headers = {"authorization": "Bearer schlüssel".encode()}
    strange = httpx2.post(f"{served.base_url}chat/completions", headers=headers, json={}, trust_env=False)
    assert (strange.status_code, strange.json()["error"]["code"]) == (401, "missing-key")
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    with pytest.raises(openai.BadRequestError, match="without tools"):
        served.chat.completions.create(
            model="teams", messages=[{"role": "user", "content": SURE}], tools=[tool]
        )
    with pytest.raises(openai.NotFoundError):
        served.embeddings.create(model="teams", input=SURE)
    yes_or_no = {"type": "predicate", "instructions": "Is it urgent?"}
    with pytest.raises(openai.BadRequestError, match="options of its own task"):
        served.decisions.create(model="teams", input=SURE, questions=[yes_or_no])
    for body in (
        {},
        {"messages": 5},
        {"messages": [None]},
        {"messages": [{"role": "user"}]},
        {"messages": []},
    ):
        with pytest.raises(openai.BadRequestError):
            served.post("/chat/completions", body=body, cast_to=object)
    for body in ({}, {"questions": 5}, {"questions": [{"type": "choice", "choices": 5}], "input": "x"}):
        with pytest.raises(openai.BadRequestError):
            served.post("/decisions", body=body, cast_to=object)
    with pytest.raises(openai.BadRequestError, match="not JSON"):
        served.post("/chat/completions", content=b"{", cast_to=object)


def test_the_confidence_of_a_call_is_the_learned_one(tmp_path, environment, provider):
    """What the policy was certified with is what the gateway compares with its threshold, and tells."""
    (tmp_path / "insource.toml").write_text(CONFIG.format(url=provider.url))
    learned = halving()
    file = kept(tmp_path / ".insource" / "runs" / "confidence", learned)
    routing = example_routing().model_copy(update={"confidence": summary_of(learned)})
    finished_run(tmp_path / ".insource", paths={"confidence": str(file)}, routing=routing)
    stated = keyword_labels().answer(SURE)
    expected = learned.stated(
        SURE, Completion(text=stated.text, confidence=stated.confidence), Labels(names=LABELS)
    )
    assert expected.confidence < stated.confidence
    with running(tmp_path, environment, "support.fitted_models") as gateway, client_of(gateway) as client:
        sure = chat(client, SURE)
    assert float(sure.headers["x-insource-confidence"]) == pytest.approx(expected.confidence, rel=1e-4)
    assert [call.route.confidence for call in recorded(tmp_path)] == [
        pytest.approx(expected.confidence, rel=1e-6)
    ]


def test_the_second_look_of_a_learned_confidence_answers_beside_the_model(tmp_path, environment, provider):
    """Both arms read the document, and the confidence is lower where they differ."""
    (tmp_path / "insource.toml").write_text(CONFIG.format(url=provider.url))
    agrees = [5.0 if name == "another look" else 0.0 for name in FEATURES]
    learned = halving().model_copy(update={"second_look": "other", "weights": tuple(agrees)})
    runs = tmp_path / ".insource" / "runs"
    file = kept(runs / "confidence", learned)
    save(type(keyword_labels())(WORDS | {"technical": {"invoice": 9.0}}), runs / "other" / "model")
    other = Served(arm="other", model="other", kind="fitted", folder="other/model")
    routing = example_routing().model_copy(update={"confidence": summary_of(learned)})
    finished_run(tmp_path / ".insource", paths={"confidence": str(file)}, routing=routing, servable=(other,))
    with running(tmp_path, environment, "support.fitted_models") as gateway, client_of(gateway) as client:
        same, different = chat(client, "My parcel is late."), chat(client, SURE)
    assert (same.headers["x-insource-route"], different.headers["x-insource-route"]) == ("local", "cloud")
    assert float(same.headers["x-insource-confidence"]) > 0.99
    assert float(different.headers["x-insource-confidence"]) == pytest.approx(0.5)
