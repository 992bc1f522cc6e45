"""The contracts of hosted decision models, answered by a task's own model: real server, official client."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import openai
import pytest
from aiohttp import web
from support.fitted_models import LABELS, SURE, UNSURE, fields_output, keyword_fields, keyword_labels
from support.gateway_kit import POLICY, Provider

from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, PassThrough, TaskSettings, WaySettings
from insource.models.fitted.model import FittedModel, request_to
from insource.store.calls.calls import find_calls
from insource.types import Labels, Task
from insource.types.ways import Rule

HOSTED = {"model": "gpt-6-luna", "answers": [], "usage": {"input_tokens": 9}}
TEAM = {
    "type": "choice",
    "name": "team",
    "instructions": "Which team?",
    "choices": [{"value": label} for label in LABELS],
}
URGENT_AND_TEAM = "The invoice is wrong, answer asap"


@pytest.fixture
def hosted():
    """A hosted decision model, which sees what it is asked."""

    async def answer(request):
        return web.json_response(HOSTED)

    with Provider(answer=answer) as provider:
        yield provider


def labels_task():
    return Task(name="teams", instruction="Which team?", output=Labels(names=LABELS))


def fields_task():
    return Task(name="triage", instruction="Triage.", output=fields_output())


@contextmanager
def gateway(recorder, fitted=None, task=None, cloud=None, own=None, **changes):
    task = task or labels_task()
    settings = TaskSettings(
        task=task,
        policy=POLICY,
        local=FittedModel("tfidf", fitted or keyword_labels()),
        cloud=cloud,
        ask=lambda document: request_to(task, document),
        **(own or {}),
    )
    settings = GatewaySettings(recorder=recorder, tasks=(settings,), **changes)
    with (
        GatewayServer(settings) as server,
        openai.OpenAI(base_url=server.url, api_key="sk-own", max_retries=0) as client,
    ):
        yield client


def passing_to(provider):
    return PassThrough(upstreams=(UpstreamSettings(name="openai", base_url=provider.url),))


def decide(client, *questions, document=SURE, model="gpt-6-luna"):
    return client.decisions.with_raw_response.create(model=model, input=document, questions=questions)


def system_one(client, questions, state=SURE):
    return httpx2.post(
        f"{client.base_url}systemone",
        json={"model": "jev-latest", "state": state, "questions": questions},
        trust_env=False,
    )


def only_call(recorder):
    recorder.flush()
    (call,) = find_calls(recorder.database)
    return call


def test_a_client_of_a_hosted_model_changes_its_address_and_nothing_else(recorder, hosted):
    with gateway(recorder, pass_through=passing_to(hosted)) as client:
        raw = decide(client, TEAM)
    decision = raw.parse()
    (answer,) = decision.answers
    assert (answer.type, answer.name, answer.choice) == ("choice", "team", "billing")
    shares = {one.value: one.probability for one in answer.probabilities}
    assert list(shares) == list(LABELS)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["billing"] == pytest.approx(keyword_labels().answer(SURE).confidence)
    assert answer.confidence == pytest.approx((3 * shares["billing"] - 1) / 2)
    assert (decision.model, decision.usage.total_tokens) == ("tfidf", 0)
    assert raw.headers["x-insource-route"] == "local"
    assert hosted.seen == []
    call = only_call(recorder)
    assert (call.endpoint, call.task, call.route.to) == ("decisions", "teams", "local")
    assert call.response_text == "billing"
    assert call.response["answers"][0]["choice"] == "billing"


def test_an_unsure_answer_is_the_hosted_models_byte_for_byte(recorder, hosted):
    with gateway(recorder, pass_through=passing_to(hosted)) as client:
        raw = decide(client, TEAM, document=UNSURE)
    assert json.loads(raw.content) == HOSTED
    assert raw.headers["x-insource-reason"] == "low-confidence"
    (seen,) = hosted.seen
    assert (seen.target, json.loads(seen.body)["model"]) == ("/v1/decisions", "gpt-6-luna")
    assert only_call(recorder).route.to == "cloud"


@pytest.mark.parametrize("model", ["teams", "gpt-6-luna"])
def test_the_tasks_own_cloud_is_asked_under_its_own_name(recorder, hosted, model):
    cloud = HttpCloud(model="gpt-6-luna", base_url=hosted.url)
    with gateway(recorder, cloud=cloud) as client:
        decide(client, TEAM, document=UNSURE, model=model)
        questions = {"team": {"type": "choice", "criteria": dict.fromkeys(LABELS)}}
        httpx2.post(
            f"{client.base_url}systemone",
            json={"model": model, "state": UNSURE, "questions": questions},
            trust_env=False,
        )
    assert [one.target for one in hosted.seen] == ["/v1/decisions", "/v1/systemone"]
    assert {json.loads(one.body)["model"] for one in hosted.seen} == {"gpt-6-luna"}


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ((*LABELS, "sales"), "not-insourced"),  # a label that the task does not know: another question
        (("delivery", "technical"), "other-options"),  # the likeliest label is not offered
    ],
)
def test_other_options_are_the_hosted_models(recorder, hosted, choices, reason):
    cloud = HttpCloud(model="gpt-6-luna", base_url=hosted.url)
    question = {"type": "choice", "instructions": "?", "choices": [{"value": one} for one in choices]}
    with gateway(recorder, cloud=cloud) as client:
        raw = decide(client, question)
    assert raw.headers["x-insource-reason"] == reason
    assert len(hosted.seen) == 1


def test_fewer_options_share_the_probability_of_those_that_are_left(recorder):
    question = {
        "type": "choice",
        "instructions": "?",
        "choices": [{"value": "billing"}, {"value": "technical"}],
    }
    with gateway(recorder) as client:
        (answer,) = decide(client, question).parse().answers
    assert answer.choice == "billing"
    assert sum(one.probability for one in answer.probabilities) == pytest.approx(1)


def test_a_score_is_the_expected_level(recorder):
    levels = [{"label": label} for label in LABELS]
    with gateway(recorder) as client:
        (answer,) = decide(client, {"type": "score", "instructions": "?", "levels": levels}).parse().answers
    shares = [one.probability for one in answer.probabilities]
    assert [one.label for one in answer.probabilities] == list(LABELS)
    assert answer.score == pytest.approx(shares[1] + 2 * shares[2])


def test_each_field_that_is_an_enum_or_a_boolean_answers_its_question(recorder):
    predicate = {"type": "predicate", "name": "urgent", "instructions": "Is it urgent?"}
    team = {"type": "choice", "instructions": "?", "choices": [{"value": "delivery"}, {"value": "billing"}]}
    with gateway(recorder, keyword_fields(), fields_task()) as client:
        urgent, choice = decide(client, predicate, team, document=URGENT_AND_TEAM).parse().answers
    stated = keyword_fields().answer(URGENT_AND_TEAM).field_confidences
    assert only_call(recorder).route.field_confidences == stated
    assert (urgent.type, urgent.probability) == ("predicate", pytest.approx(stated["urgent"]))
    assert (choice.choice, choice.probabilities[1].probability) == ("billing", pytest.approx(stated["team"]))


def test_system_one_is_answered_in_its_own_form(recorder):
    questions = {
        "urgent": {"type": "noul", "instructions": "Is it urgent?"},
        "team": {"type": "choice", "criteria": {"billing": "money", "delivery": None}},
    }
    with gateway(recorder, keyword_fields(), fields_task()) as client:
        reply = system_one(client, questions, URGENT_AND_TEAM)
    body = reply.json()
    stated = keyword_fields().answer(URGENT_AND_TEAM).field_confidences
    assert body["answers"]["urgent"] == {"type": "noul", "noul": pytest.approx(stated["urgent"])}
    team = body["answers"]["team"]
    assert (team["type"], team["choice"]) == ("choice", "billing")
    assert team["probabilities"] == {
        "billing": pytest.approx(stated["team"]),
        "delivery": pytest.approx(1 - stated["team"]),
    }
    assert body["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert reply.headers["x-insource-route"] == "local"


def test_system_one_gives_the_legend_of_a_score(recorder):
    with gateway(recorder) as client:
        body = system_one(client, {"level": {"type": "score", "criteria": list(LABELS)}}).json()
    level = body["answers"]["level"]
    assert level["legend"] == {"0": "billing", "1": "delivery", "2": "technical"}
    assert level["score"] == pytest.approx(level["probabilities"]["1"] + 2 * level["probabilities"]["2"])


def test_without_a_cloud_a_question_of_its_own_is_answered_however_unsure(recorder):
    with gateway(recorder) as client:
        unsure = decide(client, TEAM, document=UNSURE)
        other = {"type": "choice", "instructions": "?", "choices": [{"value": "a"}, {"value": "b"}]}
        with pytest.raises(openai.APIStatusError) as caught:
            decide(client, other, model="teams")
    assert unsure.headers["x-insource-reason"] == "no-cloud"
    assert (caught.value.status_code, caught.value.code) == (400, "not-supported")


def test_a_model_that_the_tasks_cloud_may_not_serve_is_not_asked_for_there(recorder, hosted):
    """A key of one provider must not go to another."""
    cloud = HttpCloud(model="gpt-4o", base_url=hosted.url)
    with gateway(recorder, cloud=cloud) as client:
        reply = system_one(client, {"team": {"type": "choice", "criteria": dict.fromkeys(LABELS)}}, UNSURE)
    assert (reply.status_code, reply.headers["x-insource-reason"]) == (200, "no-cloud")
    assert hosted.seen == []


@pytest.mark.parametrize(
    "body",
    [
        {"input": SURE},
        {"input": SURE, "questions": []},
        {"questions": [TEAM]},
        {"input": SURE, "questions": [{"type": "essay"}]},
        {"input": SURE, "questions": [TEAM | {"choices": [{"value": "billing"}]}]},
        {"input": SURE, "questions": [TEAM | {"choices": 5}]},
        {"input": SURE, "questions": [TEAM | {"choices": [{"value": "billing"}, {"value": "billing"}]}]},
        {"state": SURE, "questions": {"a": {"type": "score", "criteria": "low"}}},
        {"state": SURE, "questions": {"a": None}},
    ],
)
def test_what_is_no_request_for_decisions_is_refused_with_the_reason(recorder, body):
    with gateway(recorder) as client:
        reply = httpx2.post(f"{client.base_url}decisions", json=body | {"model": "teams"}, trust_env=False)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid-request")


def test_what_is_no_request_for_decisions_is_the_hosted_models_to_refuse(recorder, hosted):
    with gateway(recorder, pass_through=passing_to(hosted)) as client:
        httpx2.post(
            f"{client.base_url}decisions", json={"model": "gpt-6-luna", "input": "x"}, trust_env=False
        )
    assert len(hosted.seen) == 1


def test_two_inputs_or_an_image_are_the_hosted_models(recorder, hosted):
    message = {"role": "user", "content": SURE}
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    with gateway(recorder, pass_through=passing_to(hosted)) as client:
        for document in ([message, message], [{"role": "user", "content": [image]}]):
            raw = decide(client, TEAM, document=document)
            assert raw.headers["x-insource-reason"] == "not-insourced"
        one = decide(client, TEAM, document=[message])
        parts = decide(
            client, TEAM, document=[{"role": "user", "content": [{"type": "input_text", "text": SURE}]}]
        )
    assert (one.headers["x-insource-route"], parts.headers["x-insource-route"]) == ("local", "local")


def test_documents_of_a_local_only_task_are_not_sent_to_the_hosted_model(recorder, hosted):
    task = labels_task().model_copy(update={"privacy": "local-only"})
    elsewhere = UpstreamSettings(name="openai", base_url="https://not.this.machine/v1")
    for upstream in (elsewhere, UpstreamSettings(name="openai", base_url=hosted.url)):
        with gateway(recorder, task=task, pass_through=PassThrough(upstreams=(upstream,))) as client:
            raw = decide(client, TEAM, document=UNSURE)
        stays = upstream is elsewhere
        assert raw.headers["x-insource-route"] == ("local" if stays else "cloud")
        assert raw.headers["x-insource-reason"] == ("local-only" if stays else "low-confidence")
    assert len(hosted.seen) == 1  # on this machine


def test_a_yes_or_no_question_of_somebody_else_is_the_hosted_models(recorder, hosted):
    question = {"type": "predicate", "name": "spam", "instructions": "Is it spam?"}
    with gateway(recorder, keyword_fields(), fields_task(), pass_through=passing_to(hosted)) as client:
        decide(client, question, document=URGENT_AND_TEAM)
        own = decide(client, question | {"name": "urgent"}, document=URGENT_AND_TEAM)
    assert len(hosted.seen) == 1
    assert own.headers["x-insource-route"] == "local"


class Breaking:
    """A fitted model with a bug, which only some documents find."""

    embeds = False

    def answer(self, document, attributes=None):
        if "broken" in document:
            raise IndexError("index 7 is out of bounds")
        return keyword_labels().answer(document)


def test_a_model_that_breaks_leaves_its_calls_to_the_cloud_and_the_record_says_so(recorder, hosted):
    with gateway(recorder, Breaking(), pass_through=passing_to(hosted)) as client:
        broken = decide(client, TEAM, document="broken")
        fine = decide(client, TEAM)
    assert (broken.headers["x-insource-route"], broken.headers["x-insource-reason"]) == (
        "cloud",
        "local-failed",
    )
    assert fine.headers["x-insource-route"] == "local"
    recorder.flush()
    assert sorted(call.route.to for call in find_calls(recorder.database)) == ["cloud", "local"]


def test_many_at_once_streams_and_a_long_document_are_all_answered_and_recorded(recorder):
    def ask(client, number):
        document = SURE if number % 4 else f"{SURE} {'lorem ipsum ' * 100_000}"
        stream = bool(number % 2)
        said = client.chat.completions.create(
            model="teams", messages=[{"role": "user", "content": document}], stream=stream
        )
        if not stream:
            return said.choices[0].message.content
        return "".join(event.choices[0].delta.content or "" for event in said if event.choices)

    with gateway(recorder) as client, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda number: ask(client, number), range(24)))
    assert set(answers) == {"billing"}
    recorder.flush()
    calls = list(find_calls(recorder.database))
    assert len(calls) == 24
    assert {(call.outcome, call.response_text, call.route.to) for call in calls} == {
        ("ok", "billing", "local")
    }


@pytest.mark.parametrize("model", ["teams", "gpt-6-luna"])
@pytest.mark.parametrize(
    ("use", "document", "status", "route"),
    [
        (("cloud",), SURE, 200, ("cloud", "by-rule")),
        (("local",), SURE, 200, ("local", "confident")),
        (("local",), UNSURE, 503, None),
        (("local", "person"), UNSURE, 200, ("local", "waits-for-a-person")),
        (("local", "unsure"), UNSURE, 200, ("local", "unsure")),
        (("unsure",), UNSURE, 200, ("local", "unsure")),
        (("local", "cloud"), UNSURE, 200, ("cloud", "low-confidence")),
    ],
)
def test_rules_are_for_typed_questions_too(recorder, hosted, model, use, document, status, route):
    """The cloud is the task's own, or the hosted model that the caller names."""
    cloud = HttpCloud(model="big-cloud", base_url=hosted.url)
    ways = WaySettings(rules=(Rule(name="tenant", use=use),))
    with gateway(recorder, cloud=cloud, own={"ways": ways}, pass_through=passing_to(hosted)) as client:
        reply = httpx2.post(
            f"{client.base_url}decisions",
            json={"model": model, "input": document, "questions": [TEAM]},
            trust_env=False,
        )
    headers = reply.headers
    assert reply.status_code == status
    if route:
        assert (headers["x-insource-route"], headers["x-insource-reason"]) == route
    else:
        assert reply.json()["error"]["code"] == "by-rule"
    assert len(hosted.seen) == (route is not None and route[0] == "cloud")
