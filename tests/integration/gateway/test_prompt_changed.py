"""What was certified is what is served: a call that asks otherwise never reaches the local model."""

import logging

import pytest
from support.gateway_kit import SURE, TASK, WHOLE, Local, Provider
from support.gateway_ways import ask, gateway, http_cloud, post

from insource.gateway.settings import HttpCloud
from insource.gateway.ways.as_certified import MOST_CAUSES
from insource.redaction import default_redactor
from insource.routing.ways.certified import certified
from insource.types import JsonSchema, Labels

OTHER_PROMPT = "Extract the specification in German."
SEEN = "You extract specifications. Today is 2026-11-27."
SEEN_LATER = "You extract specifications. Today is 2026-11-28."
SCHEMA = TASK.output.definition
KNOWN = certified(TASK, [SEEN, SEEN_LATER, "Version two of it: at most 3 words."], prompt_versions=["v7"])
WIDER = {**SCHEMA, "properties": {**SCHEMA["properties"], "power": {"type": ["string", "null"]}}}


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


@pytest.fixture
def local():
    return Local()


def asked(prompt=None, schema=None):
    body = ask(SURE)
    if prompt is not None:
        body["messages"].insert(0, {"role": "system", "content": prompt})
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "specs", "schema": schema}}
    return body


def annotated(schema):
    """The same schema as a client's library writes it: with titles, in another order, strict."""
    voltage = {"title": "Voltage", "maxLength": 12, "type": ["null", "string"], "description": "as printed"}
    return {"title": "Specs", **schema, "properties": {"voltage": voltage}}


@pytest.mark.parametrize(
    "body",
    [
        asked(),
        asked(TASK.instruction),
        asked(f"  {TASK.instruction}\n"),
        asked(TASK.messages("", describe_output=True)[0].content),
        asked(SEEN),
        asked("You extract specifications. Today is 2027-01-15."),
        asked(schema=SCHEMA),
        asked(schema=annotated(SCHEMA)),
    ],
)
def test_a_call_as_it_was_certified_is_answered_here(recorder, local, provider, body):
    with gateway(recorder, local, http_cloud(provider), certified=KNOWN) as server:
        reply = post(server, body)
        health = server.get("/health").json()
    assert (reply.headers["x-insource-route"], reply.headers["x-insource-reason"]) == ("local", "confident")
    assert health["tasks"]["specs"]["prompt-changed"] is None


@pytest.mark.parametrize(
    ("body", "headers", "what"),
    [
        (asked(OTHER_PROMPT), {}, "the system message"),
        (asked("Version two of it: at most 5 words."), {}, "the system message"),
        (asked(schema=WIDER), {}, "the schema of the answer"),
        (asked(), {"x-insource-prompt-version": "v8"}, "the prompt version 'v8'"),
    ],
)
def test_a_call_that_asks_otherwise_goes_to_the_cloud_and_is_alarmed(
    recorder, local, provider, caplog, body, headers, what
):
    alarms = []
    changes = {"certified": KNOWN, "alarm": alarms.append}
    with (
        caplog.at_level(logging.WARNING),
        gateway(recorder, local, http_cloud(provider), **changes) as server,
    ):
        replies = [post(server, body, **headers) for _ in range(3)]
        state = server.get("/health").json()["tasks"]["specs"]
    assert [reply.content for reply in replies] == [WHOLE] * 3
    assert {reply.headers["x-insource-reason"] for reply in replies} == {"prompt-changed"}
    assert local.asked == []
    assert state["reasons"] == {"prompt-changed": 3}
    assert state["prompt-changed"]["calls"] == {what: 3}
    (alarm,) = alarms  # once a cause, however many calls
    assert (alarm.task, alarm.kind) == ("specs", "prompt-changed")
    assert what in alarm.message
    assert caplog.text.count("WARNING") == 1


def test_a_local_only_task_refuses_it_and_says_what_is_other(recorder, local):
    task = TASK.model_copy(update={"privacy": "local-only"})
    cloud = HttpCloud(model="big-cloud", base_url="https://cloud.example/v1")
    with gateway(recorder, local, cloud, task=task) as server:
        reply = post(server, asked(OTHER_PROMPT))
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (422, "prompt-changed")
    assert "local-only" in error["message"]
    assert "the system message" in error["message"]
    assert local.asked == []


def test_a_model_served_alone_answers_and_says_that_it_was_asked_otherwise(recorder, local):
    with gateway(recorder, local, any_model=True) as server:
        reply = post(server, asked(OTHER_PROMPT))
    assert (reply.status_code, reply.headers["x-insource-reason"]) == (200, "prompt-changed")
    assert reply.headers["x-insource-confidence"] == "0.95"


def test_other_files_than_those_certified_answer_nothing(recorder, local, provider):
    changed = "the adapter"
    with gateway(recorder, local, http_cloud(provider), model_changed=changed) as server:
        reply = post(server, asked())
        state = server.get("/health").json()["tasks"]["specs"]
    assert (reply.content, reply.headers["x-insource-reason"]) == (WHOLE, "prompt-changed")
    assert state["prompt-changed"]["calls"] == {changed: 1}
    assert local.asked == []


def test_an_inferred_contract_says_nothing_about_the_schemas_of_callers(recorder, local, provider):
    output = JsonSchema(definition=SCHEMA, inferred=True)
    task = TASK.model_copy(update={"output": output})
    with gateway(recorder, local, http_cloud(provider), task=task) as server:
        reply = post(server, asked(schema=WIDER))
    # Its finished answer is still validated against the caller's schema, which forbids nothing that it has.
    assert (reply.headers["x-insource-route"], reply.headers["x-insource-reason"]) == ("local", "confident")


def test_typed_questions_of_another_prompt_version_go_to_the_cloud(recorder, provider):
    from support.fitted_models import LABELS

    task = TASK.model_copy(update={"output": Labels(names=LABELS)})
    local = Local()
    question = {
        "type": "choice",
        "name": "team",
        "instructions": "?",
        "choices": [{"value": v} for v in LABELS],
    }
    body = {"model": "specs", "input": SURE, "questions": [question]}
    known = certified(task, prompt_versions=["v7"])
    with gateway(recorder, local, http_cloud(provider), task=task, certified=known) as server:
        reply = server.post("/v1/decisions", body, **{"x-insource-prompt-version": "v8"})
    assert reply.headers["x-insource-reason"] == "prompt-changed"
    assert local.asked == []


def test_versions_that_callers_make_up_do_not_fill_the_memory(recorder, local, provider):
    alarms = []
    with gateway(recorder, local, http_cloud(provider), certified=KNOWN, alarm=alarms.append) as server:
        for n in range(MOST_CAUSES + 5):
            post(server, asked(), **{"x-insource-prompt-version": f"made-up-{n}"})
        calls = server.get("/health").json()["tasks"]["specs"]["prompt-changed"]["calls"]
    assert len(calls) == len(alarms) == MOST_CAUSES + 1
    assert calls["something else"] == 5


def test_a_prompt_that_the_log_redacted_is_known_by_what_is_left_of_it(recorder, local, provider):
    secret = "sk-" + "a0secret0that0the0log0does0not0keep"
    prompt = f"Read data sheets. Never say {secret}."
    redact = default_redactor().text
    assert secret not in redact(prompt)
    changes = {"certified": certified(TASK, [redact(prompt)]), "redact": redact}
    with gateway(recorder, local, http_cloud(provider), **changes) as server:
        same, other = post(server, asked(prompt)), post(server, asked(f"{prompt} Answer in German."))
    assert same.headers["x-insource-reason"] == "confident"
    assert other.headers["x-insource-reason"] == "prompt-changed"
