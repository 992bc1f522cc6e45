"""Calls of decision models through the gateway: passed on as they are, read, recorded and priced."""

import json
from decimal import Decimal

import httpx2
import openai
import pytest
from support.upstream_kit import Bench, RawUpstream, always, reply

from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs.recorder import Recorder
from insource.providers.prices import PriceTable

DOCUMENT = "I was charged twice."
OPENAI_ASKED = {
    "model": "gpt-6-luna",
    "input": DOCUMENT,
    "questions": [
        {
            "type": "choice",
            "name": "label",
            "instructions": "Route the ticket.",
            "choices": [{"value": "billing"}, {"value": "technical"}],
        }
    ],
}
OPENAI_SAID = {
    "model": "gpt-6-luna-2026-10-06",
    "answers": [
        {
            "type": "choice",
            "name": "label",
            "choice": "billing",
            "confidence": 0.9,
            "probabilities": [
                {"value": "billing", "probability": 0.93},
                {"value": "technical", "probability": 0.07},
            ],
        }
    ],
    "usage": {
        "input_tokens": 2000,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2012,
    },
}
SYSTEMONE_ASKED = {
    "model": "jev-latest",
    "state": DOCUMENT,
    "questions": {
        "label": {
            "type": "choice",
            "instructions": "Route the ticket.",
            "criteria": {"billing": None, "technical": None},
        }
    },
}
SYSTEMONE_SAID = {
    "model": "jev-1.14.0",
    "answers": {
        "label": {
            "type": "choice",
            "choice": "billing",
            "confidence": 0.9,
            "probabilities": {"billing": 0.93, "technical": 0.07},
        }
    },
    "usage": {"input_tokens": 2000, "output_tokens": 12},
}
NAMES = ("openai", "typesafe")
CONTRACTS = [
    pytest.param("/v1/decisions", OPENAI_ASKED, OPENAI_SAID, "0.0002", id="openai"),
    pytest.param("/v1/systemone", SYSTEMONE_ASKED, SYSTEMONE_SAID, "0.000084", id="systemone"),
]


@pytest.fixture
def gateway(tmp_path):
    """A gateway with the real price table, in front of one provider that speaks either contract."""
    with RawUpstream() as upstream, Recorder.open(tmp_path) as recorder:
        upstreams = tuple(UpstreamSettings(name=one, base_url=f"{upstream.root}/v1") for one in NAMES)
        through = PassThrough(upstreams=upstreams)
        settings = GatewaySettings(recorder=recorder, pass_through=through, prices=PriceTable())
        with GatewayServer(settings) as server:
            yield Bench(upstream, recorder, server.url.removesuffix("/v1"))


def post(gateway, path, asked):
    return httpx2.post(gateway.root + path, json=asked, headers={"authorization": "Bearer sk-x"})


@pytest.mark.parametrize(("path", "asked", "said", "usd"), CONTRACTS)
def test_a_decision_is_read_recorded_and_priced(gateway, path, asked, said, usd):
    body = json.dumps(said).encode()
    upstream = gateway.answering(always(reply(body)))
    answer = post(gateway, path, asked)
    assert answer.content == body
    assert upstream.seen[0].target == path
    (call,) = gateway.new_calls()
    assert (call.endpoint, call.outcome, call.response_text) == ("decisions", "ok", "billing")
    assert (call.model_asked, call.model_answered) == (asked["model"], said["model"])
    assert (call.request, call.response) == (asked, said)
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage_estimated) == (2000, 12, False)
    assert call.cost_usd == Decimal(usd)
    assert call.priced_by.startswith("genai-prices")
    assert call.finish_reason == "stop"
    assert call.latency_s > 0


@pytest.mark.parametrize(("path", "asked", "said", "usd"), CONTRACTS)
def test_a_provider_without_counts_has_an_estimate(gateway, path, asked, said, usd):
    gateway.answering(always(reply(json.dumps({**said, "usage": None}).encode())))
    post(gateway, path, asked)
    (call,) = gateway.new_calls()
    assert call.usage_estimated
    assert 0 < call.cost_usd < Decimal("0.0001")


@pytest.mark.parametrize(("path", "asked", "said", "usd"), CONTRACTS)
def test_a_refusal_and_an_error_are_on_record(gateway, path, asked, said, usd):
    refusal = {"type": "refusal", "name": "label"}
    answers = [refusal] if isinstance(said["answers"], list) else {"label": refusal}
    gateway.answering(always(reply(json.dumps({**said, "answers": answers}).encode())))
    post(gateway, path, asked)
    (call,) = gateway.new_calls()
    assert (call.outcome, call.finish_reason, call.response_text) == ("ok", "content_filter", "")
    gateway.answering(always(reply(b'{"error":{"message":"slow down"}}', 429)))
    assert post(gateway, path, asked).status_code == 429
    (call,) = gateway.new_calls()
    assert (call.outcome, call.status, call.error, call.cost_usd) == ("error", 429, "slow down", None)
    gateway.answering(always(reply(b'{"answers":{}}')))
    post(gateway, path, asked)
    (call,) = gateway.new_calls()
    assert (call.outcome, call.error) == ("unread", 'the answer is not of the expected form: {"answers":{}}')


def test_a_client_of_openai_changes_its_base_url_and_nothing_else(gateway):
    gateway.answering(always(reply(json.dumps(OPENAI_SAID).encode())))
    with openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-x", max_retries=0) as client:
        said = client.post("/decisions", body=OPENAI_ASKED, cast_to=httpx2.Response)
    assert said.json() == OPENAI_SAID
    (call,) = gateway.new_calls()
    assert (call.endpoint, call.response_text) == ("decisions", "billing")


def test_typesafe_s_client_changes_its_base_url_and_nothing_else(gateway):
    """The client adds the path to its base URL: TYPESAFE_BASE_URL=…/u/typesafe."""
    upstream = gateway.answering(always(reply(json.dumps(SYSTEMONE_SAID).encode())))
    answer = post(gateway, "/t/desk/u/typesafe/v1/systemone", SYSTEMONE_ASKED)
    assert answer.json() == SYSTEMONE_SAID
    assert upstream.seen[0].target == "/v1/systemone"
    (call,) = gateway.new_calls()
    assert (call.provider, call.task, call.endpoint) == ("typesafe", "desk", "decisions")
    assert call.cost_usd == Decimal("0.000084")


def test_recorded_decisions_become_rows(gateway, tmp_path):
    """The document, the questions and the decided label, as of any other call."""
    from insource.config.dataset import CallsSection
    from insource.dataset.sources.calls import LoggedCalls

    for path, asked, said in (
        ("/v1/decisions", OPENAI_ASKED, OPENAI_SAID),
        ("/v1/systemone", SYSTEMONE_ASKED, SYSTEMONE_SAID),
    ):
        gateway.answering(always(reply(json.dumps(said).encode())))
        post(gateway, f"/t/desk{path}", asked)
    gateway.new_calls()
    rows = list(LoggedCalls(tmp_path, CallsSection(), task="desk"))
    assert [(row.input, row.prompt, row.output) for row in rows] == [
        (DOCUMENT, "Route the ticket.", "billing")
    ] * 2
