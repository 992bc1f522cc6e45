"""Several projects behind one address: real processes on loopback, asked by the official client."""

import json
import math
from typing import Literal

import openai
import pytest
from pydantic import BaseModel
from support.child_python import TESTS, python_path
from support.fitted_models import LABELS, RUN, SURE, UNSURE, fields_output, finished_run, keyword_fields
from support.gateway_kit import Provider
from support.gateway_process import recorded, running, serving

from insource.store.keys import create_key, open_keys

HOST = """
[gateway]
projects = ["teams", "triage"]

[upstreams.openai]
base_url = "{url}"
"""
PROJECT = """
[task]
name = "{name}"

[reference]
model = "openai/big-cloud"
base_url = "{url}"
"""
URGENT = "The invoice is wrong, answer asap"
TRIAGED = {"team": "billing", "urgent": True}
MODULE = "support.fitted_models"
ENVIRONMENT = python_path(TESTS) | {"OPENAI_API_KEY": "sk-of-the-cloud"}


class Triage(BaseModel):
    team: Literal["billing", "delivery"]
    urgent: bool


@pytest.fixture(scope="module")
def provider():
    with Provider() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def folder(tmp_path_factory, provider):
    """A host that has no task of its own, and two projects with a finished run each."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "insource.toml").write_text(HOST.format(url=provider.url))
    for name in ("teams", "triage"):
        (folder / name).mkdir()
        (folder / name / "insource.toml").write_text(PROJECT.format(name=name, url=provider.url))
    finished_run(folder / "teams" / ".insource")
    finished_run(folder / "triage" / ".insource", keyword_fields(), fields_output())
    return folder


@pytest.fixture(scope="module")
def keys(folder):
    """Virtual keys by the task that they are bound to."""
    with open_keys(folder / ".insource") as database:
        return {task: create_key(database, f"{task}-key", tasks=(task,))[1] for task in ("teams", "triage")}


@pytest.fixture(scope="module")
def gateway(folder, keys):
    with running(folder, ENVIRONMENT, MODULE) as process:
        yield process


@pytest.fixture(scope="module")
def served(folder):
    with serving(folder, env=ENVIRONMENT, module=MODULE) as (url, key, _):
        yield url, key


def ask(url, document, model="insource/auto", key="sk-callers", **more):
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        messages = [{"role": "user", "content": document}]
        return client.chat.completions.with_raw_response.create(model=model, messages=messages, **more)


def text(raw):
    return raw.parse().choices[0].message.content


@pytest.mark.parametrize(
    "chosen",
    [
        {"model": "triage"},
        {"model": f"triage@{RUN}"},
        {"path": "/t/triage"},
        {"extra_headers": {"x-insource-task": "triage"}},
        {"metadata": {"insource_task": "triage"}},
        {"key": "triage"},
        {"path": "/t/triage", "model": "big-cloud"},  # an application keeps its model's name
        {"path": "/t/teams", "model": "triage"},  # the name of a task is the plainest word
    ],
    ids=str,
)
def test_a_call_is_for_the_task_of_its_model_path_header_or_key(gateway, keys, provider, chosen):
    more = chosen | ({"key": keys[chosen["key"]]} if "key" in chosen else {})
    path = more.pop("path", "")
    raw = ask(f"{gateway.root}{path}/v1", URGENT, **more)
    assert json.loads(text(raw)) == TRIAGED
    assert (raw.headers["x-insource-route"], raw.parse().model) == ("local", f"triage@{RUN}")


def test_both_tasks_are_answered_and_listed(gateway):
    url = f"{gateway.root}/v1"
    assert text(ask(url, SURE, "teams")) == "billing"
    with openai.OpenAI(base_url=url, api_key="sk-callers", max_retries=0) as client:
        listed = [model.id for model in client.models.list()]
    assert listed == [f"teams@{RUN}", "teams", f"triage@{RUN}", "triage", "big-cloud"]


def test_a_call_that_leaves_the_task_open_is_refused_or_forwarded(gateway, provider, keys):
    url, seen = f"{gateway.root}/v1", len(provider.seen)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(url, SURE)
    assert caught.value.code == "task-required"
    assert len(provider.seen) == seen
    # The clouds of both tasks have this model: it answers, and no task's model is asked.
    assert ask(url, SURE, "big-cloud").headers["x-insource-reason"] == "not-insourced"
    with pytest.raises(openai.NotFoundError) as caught:
        ask(url, SURE, "teams@another-run")
    assert (caught.value.code, RUN in caught.value.message) == ("model-not-found", True)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        ask(f"{gateway.root}/t/unknown/v1", SURE, key=keys["teams"])
    assert caught.value.code == "task-not-allowed"


def test_a_key_reaches_only_its_task_whatever_the_call_names(gateway, keys):
    url = f"{gateway.root}/v1"
    for path, model in (("", "triage"), ("/t/triage", "insource/auto"), ("/t/teams", "triage")):
        with pytest.raises(openai.PermissionDeniedError) as caught:
            ask(f"{gateway.root}{path}/v1", URGENT, model, keys["teams"])
        assert caught.value.code == "task-not-allowed"
    assert text(ask(url, SURE, key=keys["teams"])) == "billing"


def test_every_task_is_recorded_in_the_log_of_the_host(gateway, folder):
    url = f"{gateway.root}/v1"
    ask(url, SURE, "teams"), ask(url, URGENT, "triage")
    tasks = {call.task: call.model_answered for call in recorded(folder) if call.route and call.task}
    assert tasks["teams"] == f"teams@{RUN}"
    assert tasks["triage"] == f"triage@{RUN}"
    assert not [
        name for name in ("teams", "triage") if (folder / name / ".insource" / "insource.db").exists()
    ]


def test_a_client_of_openai_changes_its_base_url_and_nothing_else(served, folder):
    url, key = served
    root = url.removesuffix("/v1")
    assert text(ask(f"{root}/t/teams/v1", SURE, "gpt-4o-mini", key)) == "billing"
    # Without a cloud, an unsure answer is served, and its headers say so.
    unsure = ask(f"{root}/t/teams/v1", UNSURE, "gpt-4o-mini", key)
    assert (text(unsure) in LABELS, unsure.headers["x-insource-reason"]) == (True, "no-cloud")
    with openai.OpenAI(base_url=f"{root}/t/triage/v1", api_key=key, max_retries=0) as client:
        parsed = client.chat.completions.parse(
            model="gpt-4o-mini", messages=[{"role": "user", "content": URGENT}], response_format=Triage
        )
        events = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": URGENT}],
            response_format={"type": "json_object"},
            stream=True,
        )
        streamed = "".join(event.choices[0].delta.content or "" for event in events)
    assert parsed.choices[0].message.parsed == Triage(**TRIAGED)
    assert json.loads(streamed) == TRIAGED
    assert {call.model_asked for call in recorded(folder)} >= {"gpt-4o-mini"}


def test_log_probabilities_are_those_of_the_labels(served):
    url, key = served
    raw = ask(url, SURE, "teams", key, logprobs=True, top_logprobs=2)
    (answered,) = raw.parse().choices[0].logprobs.content
    assert (answered.token, bytes(answered.bytes)) == ("billing", b"billing")
    assert math.exp(answered.logprob) == pytest.approx(float(raw.headers["x-insource-confidence"]), rel=1e-4)
    assert answered.top_logprobs[0].token == "billing"
    assert len(answered.top_logprobs) == 2
    with openai.OpenAI(base_url=url, api_key=key) as client:
        events = list(
            client.chat.completions.create(
                model="teams",
                messages=[{"role": "user", "content": SURE}],
                logprobs=True,
                stream=True,
            )
        )
    streamed = [event.choices[0].logprobs for event in events if event.choices[0].logprobs]
    assert [one.content[0].token for one in streamed] == ["billing"]


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("teams", {"response_format": {"type": "json_object"}}),  # labels are no JSON
        ("triage", {"logprobs": True}),  # a model for fields states none
        ("triage", {"response_format": {"type": "grammar", "grammar": "x"}}),
        ("triage", {"n": 2}),
    ],
)
def test_what_a_model_cannot_do_is_refused_before_it_is_asked(served, model, more):
    url, key = served
    with pytest.raises(openai.BadRequestError) as caught:
        ask(url, URGENT, model, key, **more)
    assert caught.value.code == "not-supported"


def test_an_answer_of_another_format_than_asked_is_refused(served):
    url, key = served
    schema = {"type": "object", "properties": {"team": {"enum": ["sales"]}}, "required": ["team"]}
    form = {"type": "json_schema", "json_schema": {"name": "other", "schema": schema}}
    with pytest.raises(openai.BadRequestError, match="format that the call asks for"):
        ask(url, URGENT, "triage", key, response_format=form)


def test_a_server_of_several_tasks_needs_a_key_and_a_task(served, keys):
    url, key = served
    for wrong in ("sk-callers", "isk-unknown"):
        with pytest.raises(openai.AuthenticationError):
            ask(url, SURE, "teams", wrong)
    with (
        openai.OpenAI(base_url=url, api_key="sk-callers", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
    with pytest.raises(openai.BadRequestError) as caught:
        ask(url, SURE, "gpt-4o-mini", key)
    assert caught.value.code == "task-required"
    root = url.removesuffix("/v1")
    with pytest.raises(openai.NotFoundError):
        ask(f"{root}/t/unknown/v1", SURE, "gpt-4o-mini", key)
    # A virtual key of the host is bound to its task here, too.
    assert text(ask(url, SURE, "gpt-4o-mini", keys["teams"])) == "billing"


def test_the_folders_of_the_command_line_replace_those_of_the_file(folder):
    with serving(folder, "--project", "triage", env=ENVIRONMENT, module=MODULE) as (url, key, _):
        with openai.OpenAI(base_url=url, api_key=key) as client:
            assert [model.id for model in client.models.list()] == [
                f"triage@{RUN}",
                "triage",
                "insource/auto",
            ]
        assert json.loads(text(ask(url, URGENT, "gpt-4o-mini", key))) == TRIAGED


@pytest.mark.parametrize("verb", ["serve", "gateway"])
@pytest.mark.parametrize(
    ("projects", "code"),
    [(("a", "b"), "duplicate-task"), (("empty", "a"), "no-such-run"), (("nowhere", "a"), "no-config")],
)
def test_projects_that_cannot_be_served_together_are_named(project, refuses, verb, projects, code):
    folder = project(config="[task]\nname = 'host'\n")
    for name in ("a", "b", "empty"):
        (folder / name).mkdir()
        task = "empty" if name == "empty" else "same"
        (folder / name / "insource.toml").write_text(f"[task]\nname = '{task}'\n")
    for name in ("a", "b"):
        finished_run(folder / name / ".insource")
    given = [argument for name in projects for argument in ("--project", name)]
    said = refuses(verb, "--port", "0", *given, code=code)
    assert projects[0] in said
