"""Placeholders that tools write in place of a content are absent content, and so is a call without any."""

import json

import pytest
from support.import_samples import (
    CHAT,
    HELICONE_RECORDS,
    LANGFUSE_RECORDS,
    LITELLM_RECORDS,
    OTEL_NEW,
    attributes,
    completion,
    jsonl,
    span,
    spans,
)

from insource.logs.importers.absent import PLACEHOLDERS
from insource.logs.importers.registry import importer
from insource.testing.importers import read

WRITTEN = (*sorted(PLACEHOLDERS), "[Scrubbed due to 'password']")


def call_of(name, data):
    [outcome] = read(importer(name), data)
    return outcome.call


def hidden(name, placeholder):
    """A record whose question and answer are the placeholder."""
    asked = [{"role": "user", "content": placeholder}]
    told = {"role": "assistant", "content": placeholder}
    if name == "litellm":
        kept = {"messages": asked, "response": completion(1, text=placeholder), "proxy_server_request": {}}
        return jsonl(LITELLM_RECORDS[0] | kept)
    if name == "langfuse":
        return jsonl(LANGFUSE_RECORDS[0] | {"input": asked, "output": told})
    if name == "exchanges":
        return jsonl({"request": {"model": "m", "messages": asked}, "response": placeholder})
    parts = f'[{{"role": "user", "parts": [{{"type": "text", "content": "{placeholder}"}}]}}]'
    told = attributes(
        gen_ai__request__model="m",
        gen_ai__input__messages=parts,
        gen_ai__output__messages=parts.replace("user", "assistant"),
    )
    return jsonl(spans(span(1, told)))


@pytest.mark.parametrize("placeholder", WRITTEN)
@pytest.mark.parametrize("name", ["litellm", "langfuse", "exchanges", "otel"])
def test_a_placeholder_is_neither_a_question_nor_an_answer(name, placeholder):
    call = call_of(name, hidden(name, placeholder))
    assert call.tags["content"] == "absent"
    assert (call.response_text, call.response) == ("", None)
    assert "messages" not in call.request
    assert call.model_asked
    assert placeholder in json.dumps(call.raw)


def test_what_was_counted_and_paid_stays():
    call = call_of("litellm", hidden("litellm", "redacted-by-litellm"))
    assert (call.usage.input_tokens, call.usage.output_tokens, call.outcome) == (100, 10, "ok")
    assert call.cost_usd is not None


def test_an_answer_alone_may_be_absent():
    record = LANGFUSE_RECORDS[0] | {"output": "<fully masked due to failed mask function>"}
    call = call_of("langfuse", jsonl(record))
    assert call.request["messages"] == CHAT
    assert (call.response_text, call.tags["content"]) == ("", "absent")


@pytest.mark.parametrize(
    "text", ["redacted-by-litellm, it says", "REDACTED", "[redacted]", "Scrubbed due to 'x'"]
)
def test_a_text_that_only_holds_such_words_is_what_was_said(text):
    call = call_of("exchanges", jsonl({"request": {"messages": CHAT}, "response": text}))
    assert (call.response_text, "content" in call.tags) == (text, False)


def test_bodies_that_were_left_out_are_absent():
    bodies = {"request_body": {"model": "gpt-4o-mini"}, "response_body": {"model": "gpt-4o-mini"}}
    call = call_of("helicone", jsonl(HELICONE_RECORDS[0] | bodies))
    assert (call.tags["content"], call.usage.input_tokens) == ("absent", 100)
    assert "content" not in call_of("helicone", jsonl(HELICONE_RECORDS[0])).tags


EMPTY = [{"role": "user", "parts": [{"type": "text"}]}]
WITHOUT_CONTENT = {
    "figures alone": {},
    "pydantic-ai's parts": {
        "gen_ai__input__messages": json.dumps(EMPTY),
        "gen_ai__output__messages": json.dumps([EMPTY[0] | {"role": "assistant", "finish_reason": "stop"}]),
    },
    "pydantic-ai's events": {
        "events": json.dumps(
            [
                {"event.name": "gen_ai.user.message", "role": "user", "content": [{"kind": "text"}]},
                {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant"}},
            ]
        )
    },
}


@pytest.mark.parametrize("name", WITHOUT_CONTENT)
def test_a_span_without_its_content_says_so(name):
    told = attributes(gen_ai__operation__name="chat", gen_ai__request__model="m", **WITHOUT_CONTENT[name])
    assert call_of("otel", jsonl(spans(span(1, told)))).tags["content"] == "absent"
    assert "content" not in call_of("otel", jsonl(spans(OTEL_NEW))).tags
