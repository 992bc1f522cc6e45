"""The ways of an answer as a project configures them: a real gateway, started by the command."""

import json

import openai
import pytest
from aiohttp import web
from support.child_python import TESTS, python_path
from support.example_results import example_result
from support.fitted_models import fields_output, finished_run, keyword_fields
from support.gateway_kit import Provider
from support.gateway_process import recorded, running
from support.waiting import eventually

from insource.store.deployments.registry import events, open_registry
from insource.types.ways import FieldPolicy

MODULE, ENVIRONMENT = "support.fitted_models", python_path(TESTS)
URGENT, HALF_SURE, UNSURE = "The invoice is wrong, answer asap", "The invoice is wrong", "Hello?"
CONFIG = """
[task]
name = "desk"

[reference]
model = "openai/big-cloud"
base_url = "{url}"

[[reference.also]]
model = "openai/small-cloud"
base_url = "{url}"

[upstreams.openai]
base_url = "{url}"

[routing]
tier = "openai/small-cloud"
cache_s = 60
prompts = ["You work at the desk."]
cloud_timeout_s = 5

[[routing.rules]]
name = "partner"
users = ["partner"]
use = ["local", "cloud", "unsure"]
"""
FIELDS = FieldPolicy(
    threshold=0.8,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=100,
    expected_share=0.7,
    reason="Fields with a confidence of 0.8 or more are served here.",
)


@pytest.fixture
def provider():
    with Provider() as cloud:
        cloud.answer = lambda request: answered(cloud, request)
        yield cloud


async def answered(cloud, request):
    """Answer fields alone where the question names some, else the whole; a partner's cloud is down."""
    body = json.loads(cloud.seen[-1].body)
    if request.headers.get("x-partner"):
        return web.json_response({"error": {"message": "down"}}, status=503)
    whole = {"team": "delivery", "urgent": True}
    if "is not sure of the fields" in json.dumps(body):
        whole = {"urgent": True}
    said = {
        "id": "x",
        "object": "chat.completion",
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": json.dumps(whole)},
            }
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
    }
    return web.json_response(said)


@pytest.fixture
def folder(tmp_path, provider):
    (tmp_path / "insource.toml").write_text(CONFIG.format(url=provider.url))
    routing = example_result().routing
    policy = routing.policy.model_copy(update={"threshold": 0.8})
    routing = routing.model_copy(update={"policy": policy, "fields": FIELDS})
    finished_run(tmp_path / ".insource", keyword_fields(), fields_output(), routing=routing)
    return tmp_path


def ask(client, document, system=None, **headers):
    messages = [{"role": "user", "content": document}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    raw = client.chat.completions.with_raw_response.create(
        model="desk", messages=messages, extra_headers=headers
    )
    return raw.headers["x-insource-reason"], json.loads(raw.parse().choices[0].message.content), raw.headers


def test_the_ways_of_a_project_are_those_of_its_configuration(folder, provider):
    with (
        running(folder, ENVIRONMENT, MODULE) as gateway,
        openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-callers", max_retries=0) as client,
    ):
        sure = ask(client, URGENT)
        half = ask(client, HALF_SURE)
        unsure = ask(client, UNSURE)
        certified = ask(client, URGENT, "You work at the desk.")
        otherwise = ask(client, URGENT, "Write a poem.")
        partner = ask(client, UNSURE, **{"x-insource-user": "partner", "x-partner": "1"})
    assert sure[:2] == ("confident", {"team": "billing", "urgent": True})
    assert half[:2] == ("doubtful-fields", {"team": "billing", "urgent": True})
    assert half[2]["x-insource-fields"] == "urgent"
    assert unsure[:2] == ("cheaper-tier", {"team": "delivery", "urgent": True})
    assert certified[0] == "confident"
    assert otherwise[:2] == ("prompt-changed", {"team": "delivery", "urgent": True})
    assert partner[0] == "cloud-failed"
    models = [json.loads(one.body)["model"] for one in provider.seen]
    assert models == ["big-cloud", "small-cloud", "big-cloud", "big-cloud"]
    reasons = [call.route.reason for call in recorded(folder)]
    assert reasons == [one[0] for one in (sure, half, unsure, certified, otherwise, partner)]
    with open_registry(folder / ".insource") as registry:
        (alert,) = events(registry, "desk")
    assert (alert.kind, alert.by, alert.evidence) == ("alert", "gateway", {"alert": "prompt-changed"})
    assert "the system message" in alert.reason
    assert {"Asks openai/small-cloud before openai/big-cloud", FIELDS.reason} <= set(gateway.told)


def test_a_repeated_call_is_answered_from_the_log(folder, provider):
    with (
        running(folder, ENVIRONMENT, MODULE) as gateway,
        openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-callers", max_retries=0) as client,
    ):
        first = ask(client, UNSURE)
        # The first call has to be in the store, which takes about a second.
        replies = []
        eventually(lambda: replies.append(ask(client, UNSURE)) or replies[-1][0] == "cached")
    assert replies[-1][1] == first[1]
