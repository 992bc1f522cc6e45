"""The inputs change, the monitor alarms, the model is made again, and traffic moves to it: one story.

A real gateway in a process of its own, a cloud on loopback, a fitted model; the language model of a walk is
stood in for.
"""

import openai
import pytest
from aiohttp import web
from support.gateway_kit import Provider
from support.gateway_process import running
from support.retraining import CONFIG, KNOWN, NEW, documents, finished_project, stand_in, walk
from support.rollouts import LADDER
from support.waiting import eventually
from support.walks import session_on

from insource import pipeline
from insource.dataset.rows.teacher_policy import TeacherRule, write_policy
from insource.store.deployments.audits import audits_of
from insource.store.deployments.registry import deployment_of, events, open_registry
from insource.workflow.deploy import canary
from insource.workflow.monitor import monitor
from insource.workflow.retrain import retrain

LIVE = """
[upstreams.openai]
base_url = "{url}"
"""
LIVE += LADDER
LIVE += """
[monitor]
window = 60
reference_of = "dataset"
[routing]
on_infeasible = "median"
"""
LABEL_OF = {word: label for words in (KNOWN, NEW) for label, said in words.items() for word in said}


@pytest.fixture
def provider():
    """A cloud that is right."""

    async def answer(request):
        body = await request.json()
        words = body["messages"][-1]["content"].split()
        label = next(LABEL_OF[word] for word in words if word in LABEL_OF)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": label}}
        usage = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
        document = {"id": "c", "object": "chat.completion", "created": 1, "model": "big", "usage": usage}
        return web.json_response(document | {"choices": [choice]})

    with Provider(answer=answer) as cloud:
        yield cloud


@pytest.fixture
def session(tmp_path, provider, monkeypatch):
    config = CONFIG.replace('model = "openai/big"\n', f'model = "openai/big"\nbase_url = "{provider.url}"\n')
    folder = finished_project(tmp_path, config + LIVE.format(url=provider.url))
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    write_policy(folder / "teachers.toml", (TeacherRule(model="*", train="allow", terms="2026-11"),))
    return session_on(folder)


def ask(client, text):
    reply = client.chat.completions.with_raw_response.create(
        model="tickets", messages=[{"role": "user", "content": text}]
    )
    return reply.parse().choices[0].message.content, reply.headers


def kinds(session):
    with open_registry(session.project.workspace) as registry:
        return [one.kind for one in events(registry, "tickets")]


def now(session):
    with open_registry(session.project.workspace) as registry:
        return deployment_of(registry, "tickets")


def anew(session):
    return session_on(session.project.folder)


def test_drift_is_alarmed_a_new_model_is_made_and_it_takes_over_without_an_error(session, provider):
    with running(session.project.folder) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-callers", max_retries=0)
        for text, _ in documents(NEW, 180, seed=1):
            ask(client, text)
        looked = monitor(anew(session))
        assert "alert" in kinds(session), looked
        cycle = retrain(anew(session), walk()).cycle
        assert "drift" in {one.name for one in cycle.triggers if one.due}
        assert cycle.outcome == "promoted", cycle.reason
        # No anchors say that the cloud stayed as it was, so what it alone labelled judges nobody.
        assert cycle.ruling.fresh is None
        assert any("only the cloud labelled" in note for note in cycle.ruling.notes), cycle.ruling.notes
        assert cycle.ruling.sealed.adjusted.outcome == "not worse", cycle.ruling.reason
        before = now(session)
        assert (before.champion.run_id, before.stage) == (cycle.champion, "shadow")

        live = iter(documents(NEW, 600, seed=2))
        while not shadowed(session, before.challenger.name):
            ask(client, next(live)[0])
        canary(anew(session))
        while "promoted" not in kinds(session):
            assert ask(client, next(live)[0])[0] in KNOWN
        eventually(lambda: ask(client, next(live)[0])[1].get("x-insource-version") == before.challenger.name)
        answers = [(ask(client, text), label) for text, label in documents(NEW, 30, seed=3)]
        local = [
            (said, label) for (said, headers), label in answers if headers["x-insource-route"] == "local"
        ]
        assert len(local) > 5
        assert sum(said == label for said, label in local) >= 0.9 * len(local)
    assert now(session).champion.run_id == cycle.challenger
    assert now(session).previous.run_id == cycle.champion


def shadowed(session, name):
    with open_registry(session.project.workspace) as registry:
        return len(audits_of(registry, "tickets", version=name)) >= 5
