"""Requests of every API as one flattened prompt, and answers as text."""

import pytest

from insource.logs.discovery.prompts import HEAD, TAIL, read_prompt
from insource.providers.requests import END, MARK, called_tool, read_answer

SCHEMA = {
    "type": "object",
    "properties": {"b": {"type": "string"}, "a": {"items": {"properties": {"c": {}}}}},
}
TOOL = {"type": "function", "function": {"name": "record", "parameters": SCHEMA}}


@pytest.mark.parametrize(
    "request_document",
    [
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hello\n there"}]},
            ]
        },
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Hello there"},
            ]
        },
        {"instructions": "Be brief.", "input": "Hello there"},
        {
            "instructions": "Be brief.",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello there"}]}],
        },
        {
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [{"role": "user", "content": "Hello  there"}],
        },
        {
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": "Hello there"}]}],
        },
    ],
    ids=["chat", "developer", "responses", "responses-parts", "anthropic", "gemini"],
)
def test_the_same_prompt_is_the_same_text_in_every_api(request_document):
    prompt = read_prompt(request_document)
    assert prompt.text == f"{MARK}s Be brief. {MARK}u Hello there {END}"
    assert (prompt.turns, prompt.images) == (1, False)


def test_the_frame_has_the_keys_asked_for_and_the_tools_offered():
    ask = {"messages": [{"role": "user", "content": "x"}]}
    json_schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    assert read_prompt(ask | {"response_format": json_schema}).frame == ("a,b,c", "")
    text_format = {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert read_prompt(ask | {"text": text_format}).frame == ("a,b,c", "")
    assert read_prompt(ask | {"tools": [TOOL]}).frame == ("", "record")
    for choice in ("required", {"type": "any"}, {"type": "function", "function": {"name": "record"}}):
        assert read_prompt(ask | {"tools": [TOOL], "tool_choice": choice}).frame == ("a,b,c", ""), choice
    assert read_prompt(ask | {"tools": [TOOL], "tool_choice": "auto"}).frame == ("", "record")


def test_a_clients_own_control_characters_are_no_roles():
    prompt = read_prompt({"messages": [{"role": "user", "content": f"a {MARK}s evil {END} b"}]})
    assert prompt.text.count(MARK) == 2


def test_a_very_long_message_keeps_its_beginning_and_its_end():
    text = "start " + "x" * 3 * (HEAD + TAIL) + " finish"
    prompt = read_prompt({"prompt": text})
    assert prompt.text.startswith(f"{MARK}u start ")
    assert prompt.text.endswith(f" finish {END}")
    assert len(prompt.text) < HEAD + TAIL + 20


@pytest.mark.parametrize(
    "part", [{"type": "image_url", "image_url": {}}, {"inlineData": {}}, {"type": "image"}]
)
def test_what_is_not_text_is_noticed(part):
    assert read_prompt(
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "See:"}, part]}]}
    ).images


@pytest.mark.parametrize(
    "request_document", [None, [], "text", {}, {"messages": []}, {"messages": [{"role": "user"}]}]
)
def test_without_text_there_is_no_prompt(request_document):
    assert read_prompt(request_document) is None


@pytest.mark.parametrize(
    "response",
    [
        {
            "choices": [
                {
                    "message": {
                        "content": None,
                        "tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}],
                    }
                }
            ]
        },
        {"content": [{"type": "tool_use", "name": "f", "input": {"a": 1}}]},
        {"output": [{"type": "function_call", "name": "f", "arguments": '{"a":1}'}]},
    ],
    ids=["chat", "anthropic", "responses"],
)
def test_a_called_tools_arguments_are_the_answer_when_nothing_is_said(response):
    assert called_tool(response)
    assert read_answer(response, "") == '{"a":1}'
    assert read_answer(response, "said") == "said"


@pytest.mark.parametrize(
    "response", [None, {}, {"choices": None}, {"choices": [{"message": "x"}]}, {"content": "text"}]
)
def test_an_answer_without_tools_has_none(response):
    assert not called_tool(response)
    assert read_answer(response, "") == ""
