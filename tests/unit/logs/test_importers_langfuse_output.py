"""The rule by which the output of a Langfuse observation is a message of an SDK or the model's own JSON."""

import json

import pytest
from support.import_samples import CHAT, LANGFUSE_RECORDS, completion, jsonl, message, table

from insource.logs.importers.registry import importer
from insource.testing.importers import read

DESK = {"desk": 3, "urgent": True}
SPELLED = json.dumps(DESK)
CALL = {"id": "c1", "type": "function", "function": {"name": "route", "arguments": SPELLED}}


def call_of(data):
    [outcome] = read(importer("langfuse"), data)
    return outcome.call


ENVELOPES = {
    "a message": ({"role": "assistant", "content": "technical"}, "technical"),
    "a message with JSON as text": ({"role": "assistant", "content": SPELLED}, SPELLED),
    "a message whose JSON was parsed": ({"role": "assistant", "content": DESK}, SPELLED),
    "a message whose list was parsed": (
        {"role": "assistant", "content": [DESK, DESK]},
        json.dumps([DESK, DESK]),
    ),
    "a message of parts": (
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "technical"}],
        },
        "technical",
    ),
    "a message of LangChain": (
        {"role": "assistant", "content": "technical", "additional_kwargs": {}},
        "technical",
    ),
    "a message of Gemini": ({"role": "model", "parts": [{"text": "technical"}]}, "technical"),
    "a message of the OpenTelemetry conventions": (
        [{"role": "assistant", "parts": [{"type": "text", "content": "technical"}], "finish_reason": "stop"}],
        "technical",
    ),
    "a tool call": ({"role": "assistant", "content": None, "tool_calls": [CALL]}, ""),
    "choices, the first counts": (
        [{"role": "assistant", "content": "technical"}, {"role": "assistant", "content": "billing"}],
        "technical",
    ),
    "a conversation, the last answer counts": (
        [
            *CHAT,
            {"role": "assistant", "content": "billing"},
            *CHAT,
            {"role": "assistant", "content": "technical"},
        ],
        "technical",
    ),
    "parts": ([{"type": "text", "text": "techn"}, {"type": "text", "text": "ical"}], "technical"),
    "a result of the AI SDK": ({"text": "technical", "finishReason": "stop"}, "technical"),
    "an object of the AI SDK": ({"object": DESK, "finishReason": "stop"}, SPELLED),
    "tool calls of the AI SDK": (
        {
            "text": "",
            "toolCalls": [{"toolCallId": "c1", "toolName": "route", "input": DESK}],
            "finishReason": "tool-calls",
        },
        "",
    ),
    "tool calls of the AI SDK alone": (
        [{"type": "tool-call", "toolCallId": "c1", "toolName": "route", "input": DESK}],
        "",
    ),
    "a choice of pydantic-ai": (
        {"index": 0, "message": {"role": "assistant", "content": "technical"}, "event.name": "gen_ai.choice"},
        "technical",
    ),
    "a chat completion": (completion(1), "technical"),
    "a chat completion whose content was parsed": (completion(1, text=DESK), SPELLED),
    "a message of Anthropic": (message(1), "technical"),
}
OWN = {
    "an object": DESK,
    "a list": [DESK, DESK],
    "an empty object": {},
    "an empty list": [],
    "a number": 3,
    "no": False,
    "a role that answers nothing": {"role": "shift lead", "name": "Anna"},
    "a user's message": {"role": "user", "content": "technical"},
    "a message with a key of its own": {"role": "assistant", "content": "technical", "shift": "late"},
    "a role alone": {"role": "assistant", "name": "Anna"},
    "parts with a key of their own": [{"type": "text", "text": "technical", "page": 3}],
    "tools of its own": [{"toolName": "grinder", "size": 3}],
    "parts of another kind": [{"type": "pump", "text": "leaks"}],
    "a conversation without an answer": CHAT,
    "a text without a finish reason": {"text": "technical"},
    "choices of its own": {"choices": ["billing", "technical"]},
    "an error of its own": {"error": "E17", "asset": "P-7"},
    "an output of its own": {"output": ["a", "b"], "usage": {"prompt_tokens": 5}},
    "candidates of its own": {"candidates": [{"name": "Anna"}]},
    "a message inside": {"answer": {"role": "assistant", "content": "technical"}},
}


def recorded(output):
    return LANGFUSE_RECORDS[0] | {"output": output, "level": "DEFAULT"}


@pytest.mark.parametrize("make", [jsonl, table], ids=["parsed", "cells"])
@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_with_complete_keys_and_no_others_is_one(name, make):
    output, said = ENVELOPES[name]
    call = call_of(make(recorded(output)))
    assert call.response_text == said
    if not said:
        [choice] = call.response["choices"]
        assert choice["message"]["tool_calls"] == [CALL]


@pytest.mark.parametrize("name", OWN)
def test_everything_else_is_what_the_model_said(name):
    call = call_of(jsonl(recorded(OWN[name])))
    assert call.response_text == json.dumps(OWN[name])
    assert (call.response, call.outcome) == (None, "ok")
    if isinstance(OWN[name], dict | list):
        assert call_of(table(recorded(OWN[name]))).response_text == json.dumps(OWN[name])


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_text_beside_a_parsed_input_is_never_opened(name):
    text = json.dumps(ENVELOPES[name][0], indent=1)
    assert call_of(jsonl(recorded(text))).response_text == text


def test_a_text_is_kept_as_it_was_spelled():
    for text in ('{ "desk" :3}', "[1,2]", "no JSON", '"quoted"', " padded "):
        assert call_of(table(recorded(text))).response_text == text


def test_the_messages_of_a_request_may_have_parts():
    asked = [{"role": "user", "parts": [{"type": "text", "content": "The grinder is loud."}]}]
    call = call_of(jsonl(recorded("technical") | {"input": asked}))
    assert call.request["messages"] == [{"role": "user", "content": "The grinder is loud."}]
