"""Decisions of a client that is wrapped: read, recorded and priced as through the gateway."""

from decimal import Decimal

import httpx2
import openai
from support.scripted_provider import ScriptedProvider

import insource
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

SAID = {
    "model": "gpt-6-luna",
    "answers": [{"type": "predicate", "name": "urgent", "probability": 0.9}],
    "usage": {"input_tokens": 2000, "output_tokens": 3},
}


def test_a_predicate(tmp_path):
    asked = {
        "model": "gpt-6-luna",
        "input": "Help!",
        "questions": [{"type": "predicate", "instructions": "?"}],
    }
    with (
        ScriptedProvider((200, SAID, {"content-type": "application/json"})) as provider,
        insource.wrap(openai.OpenAI(base_url=provider.url, api_key="k"), root=tmp_path, task="t") as client,
    ):
        assert client.post("/decisions", body=asked, cast_to=httpx2.Response).json() == SAID
    with Recorder.open(tmp_path) as recorder:
        recorder.flush()
        (call,) = find_calls(recorder.database, task="t")
    assert (call.endpoint, call.response_text, call.outcome) == ("decisions", "true", "ok")
    assert call.cost_usd == Decimal("0.0002")
