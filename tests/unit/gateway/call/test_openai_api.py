import json

import pytest

from insource.gateway.call.openai_api import (
    chat_of,
    completion_body,
    completion_events,
    document_of,
    messages_of,
)
from insource.types import Completion, Message, Usage


def chat(*messages, **more):
    return chat_of({"model": "m", "messages": list(messages), **more})


def user(content):
    return {"role": "user", "content": content}


SYSTEM = {"role": "system", "content": "Extract."}
TEXT_PART = {"type": "text", "text": "a pump"}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:"}}


@pytest.mark.parametrize(
    ("request_", "document"),
    [
        (chat(user("a pump")), "a pump"),
        (chat(SYSTEM, user("a pump")), "a pump"),
        (chat({"role": "developer", "content": "x"}, user([TEXT_PART])), "a pump"),
        (chat(user("a pump"), n=1, temperature=0.3, tools=[]), "a pump"),
        (chat(user([TEXT_PART, IMAGE_PART])), None),
        (chat(user("a"), {"role": "assistant", "content": "b"}, user("c")), None),
        (chat(user("a"), user("b")), None),
        (chat(SYSTEM), None),
        (chat(), None),
        (chat(user("a"), tools=[{"type": "function"}]), None),
        (chat(user("a"), functions=[{"name": "f"}]), None),
        (chat(user("a"), n=2), None),
        (chat(user("a"), logprobs=True), "a"),
        (chat(user("a"), modalities=["text", "audio"]), None),
        (chat(user(None)), None),
    ],
)
def test_only_one_plain_document_is_the_tasks_job(request_, document):
    assert document_of(request_) == document


@pytest.mark.parametrize(
    "document", [None, [], {}, {"messages": []}, {"model": 1, "messages": []}, {"model": "m"}]
)
def test_what_is_no_chat_completion_is_a_value_error(document):
    with pytest.raises(ValueError, match=r"."):
        chat_of(document)


def test_messages_for_a_model_are_text_only():
    assert messages_of(chat(SYSTEM, user("a pump"))) == (
        Message(role="system", content="Extract."),
        Message(role="user", content="a pump"),
    )
    with pytest.raises(ValueError, match="more than text"):
        messages_of(chat(user([IMAGE_PART])))


ANSWER = Completion(text="ü", model="m", finish_reason="length", usage=Usage(input_tokens=3, output_tokens=2))


def test_an_answer_in_one_piece():
    body = json.loads(completion_body(ANSWER, "id", 7))
    assert body["choices"][0]["message"]["content"] == "ü"
    assert (body["id"], body["created"], body["model"]) == ("chatcmpl-id", 7, "m")
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.mark.parametrize("include_usage", [False, True])
def test_an_answer_as_events(include_usage):
    events = completion_events(ANSWER, "id", 7, include_usage=include_usage)
    assert events[-1] == b"data: [DONE]\n\n"
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == "ü"
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]] == [None, None, "length"]
    assert (chunks[-1].get("usage") is not None) == include_usage
