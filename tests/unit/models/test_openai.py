"""A provider on loopback that answers as told: what is asked again, what is refused at once."""

import pytest
from support.scripted_provider import ScriptedProvider as Provider

from insource.foundation.errors import ProviderError, UserError
from insource.models.openai import OpenAIModel, from_wire, to_wire
from insource.models.protocol import Request
from insource.models.transport import LIMITED_ATTEMPTS
from insource.types import Message, Usage

REQUEST = Request(messages=(Message(role="user", content="ü"),), max_tokens=7, seed=3, temperature=0.5)
GOOD = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("insource.models.transport.time.sleep", lambda seconds: None)


def ask(provider):
    model = OpenAIModel("openai/gpt-x", provider.url, "secret", "cloud-allowed")
    return model.generate(REQUEST)


def test_the_request_as_the_provider_reads_it():
    with Provider((200, GOOD)) as provider:
        completion = ask(provider)
    ((path, key, body),) = provider.seen
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert body == to_wire(REQUEST, "gpt-x")
    assert body == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "ü"}],
        "temperature": 0.5,
        "max_completion_tokens": 7,
        "seed": 3,
    }
    assert (completion.text, completion.model, completion.finish_reason) == ("hello", "openai/gpt-x", "stop")
    assert completion.latency_s > 0


def test_a_busy_provider_is_asked_again():
    with Provider((429, "slow down"), (503, "busy"), (200, GOOD)) as provider:
        assert ask(provider).text == "hello"
    assert len(provider.seen) == 3


def test_a_provider_that_stays_busy_is_given_up():
    with Provider((429, "slow down")) as provider, pytest.raises(ProviderError) as caught:
        ask(provider)
    assert caught.value.code == "provider-refused"
    assert len(provider.seen) == LIMITED_ATTEMPTS


def test_a_refusal_is_not_asked_again_and_is_quoted():
    with Provider((401, "bad key")) as provider, pytest.raises(ProviderError) as caught:
        ask(provider)
    assert caught.value.code == "provider-refused"
    assert "401: bad key" in caught.value.message
    assert "secret" not in caught.value.message
    assert len(provider.seen) == 1


KEY = "key-of-the-company-" + "7" * 200


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_key_that_the_provider_repeats_is_not_in_the_message(status):
    """It would stand in the log, in the report and on the terminal; cut off, too."""
    answer = f"{'x' * 150} Incorrect API key: {KEY}"
    for body in (answer, {"choices": [], "key": KEY}):
        with Provider((status, body)) as provider, pytest.raises(ProviderError) as caught:
            OpenAIModel("openai/gpt-x", provider.url, KEY, "cloud-allowed").generate(REQUEST)
        assert KEY[:25] not in caught.value.message
        assert "[secret:key]" in caught.value.message


@pytest.mark.parametrize(
    "answer",
    ["<html>", {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": None}]}, [], "null"],
)
def test_an_answer_without_a_choice_is_an_error_not_a_crash(answer):
    with Provider((200, answer)) as provider, pytest.raises(ProviderError) as caught:
        ask(provider)
    assert caught.value.code == "provider-bad-answer"


@pytest.mark.parametrize(
    ("headers", "waited_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, 1.0),
        ({"Retry-After": "nan"}, 1.0),
        ({}, 1.0),
    ],
)
def test_a_busy_provider_says_how_long_to_wait(monkeypatch, headers, waited_s):
    waited = []
    monkeypatch.setattr("insource.models.transport.time.sleep", waited.append)
    with Provider((429, "slow down", headers), (200, GOOD)) as provider:
        assert ask(provider).text == "hello"
    assert waited == [waited_s]


def test_a_wait_of_an_hour_is_the_user_s_to_decide():
    with (
        Provider((429, "quota", {"Retry-After": "3600"})) as provider,
        pytest.raises(ProviderError) as caught,
    ):
        ask(provider)
    assert caught.value.code == "provider-refused"
    assert len(provider.seen) == 1


def test_an_answer_can_be_held_to_a_schema():
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"voltage": {"type": ["string", "null"], "x-insource": {"compare": "quantity"}}},
        "required": ["voltage"],
        "additionalProperties": False,
    }
    with Provider((200, GOOD)) as provider:
        model = OpenAIModel("openai/gpt-x", provider.url, "secret", "cloud-allowed")
        model.generate(REQUEST.model_copy(update={"json_schema": schema}))
    assert provider.seen[0][2]["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"voltage": {"type": ["string", "null"]}},
                "required": ["voltage"],
                "additionalProperties": False,
            },
        },
    }


def test_nobody_there():
    with Provider((200, GOOD)) as provider:
        pass
    with pytest.raises(ProviderError) as caught:
        ask(provider)
    assert caught.value.code == "provider-unreachable"


def test_local_only_is_refused_before_a_byte_leaves():
    with pytest.raises(UserError) as caught:
        OpenAIModel("openai/gpt-x", "https://api.openai.com/v1", "secret", "local-only")
    assert caught.value.code == "local-only"


def test_usage_and_finish_reason():
    answer = {
        "choices": [{"message": {"content": None}, "finish_reason": "banana"}],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
    completion = from_wire(answer, "m", 0.5)
    assert completion.text == ""
    assert completion.finish_reason == "unknown"
    assert completion.usage == Usage(input_tokens=9, output_tokens=4, cached_tokens=5, reasoning_tokens=2)
    assert from_wire(GOOD, "m", 0.5).usage == Usage()


def test_too_many_calls_are_waited_for_longer_than_an_outage(monkeypatch):
    waited = []
    monkeypatch.setattr("insource.models.openai.time.sleep", waited.append)
    limited = [(429, {"error": "slow down"})] * (LIMITED_ATTEMPTS - 1)
    with Provider(*limited, (200, GOOD)) as provider:
        assert ask(provider).text == "hello"
    assert waited == [1, 2, 4, 8, 16]


def test_a_model_that_declines_is_no_answer_though_it_stopped():
    message = {"content": None, "refusal": "I cannot help with that."}
    completion = from_wire({"choices": [{"message": message, "finish_reason": "stop"}]}, "m", 0.5)
    assert (completion.text, completion.finish_reason) == ("", "content_filter")
    message = {"content": "hello", "refusal": None}
    assert (
        from_wire({"choices": [{"message": message, "finish_reason": "stop"}]}, "m", 0.5).finish_reason
        == "stop"
    )
