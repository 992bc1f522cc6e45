"""A gateway whose cloud or whose model moves: anchors tell which, and only the model is withdrawn."""

from __future__ import annotations

import itertools
import json

import pytest
from support.rollouts import FAST, RIGHT, WRONG, Registry, Says, ask, gateway, version
from support.scripted_provider import ScriptedProvider
from support.waiting import eventually
from support.walks import session_on

from insource.gateway.rollout.traffic import BUCKETS, bucket_of
from insource.lifecycle.anchors.schedule import FIRST_ROUNDS
from insource.lifecycle.transitions import in_canary, promoted
from insource.logs.recorder import Recorder
from insource.store.deployments.audits import anchor_checks_of, audits_of
from insource.store.deployments.registry import open_registry
from insource.types import JsonSchema
from insource.workflow.anchor_watch import AnchorWatch
from insource.workflow.anchors import add_anchors

ANCHORS = 30
STRICT = FAST.model_copy(update={"slo": 0.04, "margin": 0.02})  # safe after 65 audits at least
SCHEMA = {
    "type": "object",
    "properties": {"voltage": {"type": ["string", "null"], "maxLength": 12}},
    "required": ["voltage"],
    "additionalProperties": False,
}


class Cloud(ScriptedProvider):
    """Says one thing to everybody, as long as nobody changes what; ``version`` is how it calls itself."""

    def __init__(self):
        super().__init__((200, self.answer))
        self.says, self.version = RIGHT, "big-cloud-1"

    def answer(self, asked):
        choice = {"index": 0, "message": {"role": "assistant", "content": self.says}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": self.version,
            "choices": [choice],
            "usage": usage,
        }


@pytest.fixture
def cloud():
    with Cloud() as running:
        yield running


@pytest.fixture
def session(tmp_path, cloud, monkeypatch):
    """A project whose anchors all say what the cloud says at first."""
    monkeypatch.setenv("ANCHOR_KEY", "sk-test")
    rows = [
        {"id": f"a{n}", "input": f"Pump {n * 7919}", "output": json.loads(RIGHT), "labelled_by": "ann"}
        for n in range(ANCHORS)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "insource.toml").write_text(
        f"[task]\nname = 'specs'\nschema = 'schema.json'\n[reference]\nmodel = 'openai/big-cloud'\n"
        f"base_url = '{cloud.url}'\napi_key_env = 'ANCHOR_KEY'\n"
        f"[prices.models.big-cloud]\ninput = 1.0\noutput = 1.0\n"
        f"[rollout]\nslo = {FAST.slo}\nmargin = {FAST.margin}\nalpha = {FAST.alpha}\n"
        f"interval_s = {FAST.interval_s}\naudits_per_false_alarm = {FAST.audits_per_false_alarm}\n"
    )
    return session_on(tmp_path)


@pytest.fixture
def watch(session):
    add_anchors(session, session.project.folder / "rows.jsonl", "")
    return AnchorWatch(session, session.project.task(JsonSchema(definition=SCHEMA)))


@pytest.fixture
def registry(session):
    found = Registry(session.project.workspace)
    found.move(lambda before, now: in_canary(before, version("a"), 1.0, now))
    found.move(promoted, "promoted")
    return found


def checks(session):
    with open_registry(session.project.workspace) as registry:
        return anchor_checks_of(registry, "specs")


def audits(session):
    with open_registry(session.project.workspace) as registry:
        return audits_of(registry, "specs")


def until(server, true, most=400):
    for count in itertools.count():
        if true():
            return
        assert count < most, "it never became true"
        ask(server, document=f"Pump {count}")


def causes(registry):
    return [event.evidence.get("cause") for event in registry.events if event.kind == "anchors"]


def test_a_cloud_that_changes_silently_does_not_roll_back_a_healthy_model(
    session, cloud, recorder, watch, registry
):
    with gateway(session.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=watch) as server:
        eventually(lambda: len(checks(session)) >= 2 * FIRST_ROUNDS * ANCHORS)  # the cloud's and its own
        until(server, lambda: len(audits(session)) >= 20)
        cloud.says = WRONG
        until(server, lambda: "cloud" in causes(registry))
        until(server, lambda: sum(one.wrong for one in audits(session)) >= 60)
        assert "rolled-back" not in registry.kinds
        assert registry.now.champion == version("a")
        assert ask(server, "Pump 1")[1]["route"] == "local"
    (alert,) = [event for event in registry.events if event.kind == "alert"]
    assert "answers the anchors otherwise than before, and worse: 0% right" in alert.reason
    assert alert.by.startswith("gateway ")


def test_without_anchors_the_same_change_rolls_it_back(session, cloud, recorder, registry):
    """The cloud is taken for right where nobody says otherwise."""
    with gateway(session.project.workspace, recorder, cloud, {"a": Says(RIGHT)}) as server:
        until(server, lambda: len(audits(session)) >= 20)
        cloud.says = WRONG
        until(server, lambda: registry.kinds[-1] == "rolled-back")


def test_a_model_that_breaks_is_rolled_back_once_the_anchors_cleared_the_cloud(
    session, cloud, recorder, watch, registry
):
    model = Says(RIGHT)
    with gateway(session.project.workspace, recorder, cloud, {"a": model}, anchors=watch) as server:
        eventually(lambda: len(checks(session)) >= 2 * FIRST_ROUNDS * ANCHORS)
        until(server, lambda: len(audits(session)) >= 20)
        model.text = WRONG
        until(server, lambda: registry.kinds[-1] == "rolled-back")
    assert causes(registry)[-1] == "local"
    asked = [event for event in registry.events if event.kind == "anchors"]
    assert asked[-1].reason == "the local model is wrong on anchors that the cloud has right"


def test_while_it_is_open_the_step_is_held(session, cloud, recorder, watch, registry):
    """The cloud's answers to the anchors cannot be had: neither side is blamed, nothing moves."""
    model = Says(RIGHT)
    with gateway(session.project.workspace, recorder, cloud, {"a": model}, anchors=watch) as server:
        eventually(lambda: len(checks(session)) >= 2 * FIRST_ROUNDS * ANCHORS)
        until(server, lambda: len(audits(session)) >= 20)
        with (session.project.folder / "insource.toml").open("a") as file:
            file.write("anchors_usd_per_day = 0\n")
        watch._session = session_on(session.project.folder)  # as after a restart with another budget
        model.text = WRONG
        until(server, lambda: sum(one.wrong for one in audits(session)) >= 40)
        eventually(lambda: "budget for anchors" in watch.problem)
        assert "rolled-back" not in registry.kinds
        assert watch.turn(None, "specs@a", None).cause == "open"


def test_doubtful_answers_are_audited_more_often_and_enter_by_their_weight(session, cloud, recorder):
    registry = Registry(session.project.workspace)
    registry.move(lambda before, now: in_canary(before, version("a"), 1.0, now))
    section = FAST.model_copy(update={"audit_share": 0.2, "doubtful_audits": 5.0, "alpha": 0.001})
    models = {"a": Says(WRONG, confidence=0.85)}  # the policy's threshold is 0.8
    with gateway(session.project.workspace, recorder, cloud, models, section=section) as server:
        until(server, lambda: registry.kinds[-1] == "rolled-back")
    found = audits(session)
    assert {one.weight for one in found} == {1.0}
    assert {one.uniform for one in found} == {True, False}
    assert 0 < sum(one.uniform for one in found) < len(found) / 2
    assert 0 < registry.events[-1].evidence["harm_n"] <= sum(one.uniform for one in found)


def test_callers_that_are_not_shared_as_the_step_says_hold_it(session, cloud, recorder):
    """Every caller is one of those the challenger gets: something chooses who calls, or breaks the hash."""
    registry = Registry(session.project.workspace)
    registry.move(lambda before, now: in_canary(before, version("a"), 0.5, now))
    salt = registry.now.salt
    callers = [name for n in range(400) if bucket_of("specs", name := f"user {n}", salt) < BUCKETS / 2]
    with gateway(session.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, section=STRICT) as server:
        for name in callers[:60]:
            ask(server, user=name)
        eventually(lambda: "alert" in registry.kinds)
        for name in callers[60:100]:
            ask(server, user=name)
        eventually(lambda: len(audits(session)) == 100)
        (alert,) = [event for event in registry.events if event.kind == "alert"]
        assert "callers got the challenger, and the step is 50%" in alert.reason
        assert registry.kinds == ["canary", "alert"]  # shown to be safe, and held nevertheless


def test_a_caller_that_calls_often_is_no_wrong_split(session, cloud, recorder):
    registry = Registry(session.project.workspace)
    registry.move(lambda before, now: in_canary(before, version("a"), 0.5, now))
    salt = registry.now.salt
    caller = next(name for n in range(400) if bucket_of("specs", name := f"user {n}", salt) < BUCKETS / 2)
    with gateway(session.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, section=FAST) as server:
        until_safe = itertools.count()
        while registry.now.champion is None:
            assert next(until_safe) < 200
            ask(server, user=caller)
    assert "alert" not in registry.kinds


def test_another_version_of_the_cloud_is_told_from_the_log_and_the_anchors_are_asked_at_once(
    session, cloud, watch, registry, monkeypatch
):
    monkeypatch.setattr("insource.workflow.anchor_watch.WATCH_S", 0.2)
    workspace = session.project.workspace
    with (
        Recorder.open(workspace) as recorder,
        gateway(workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=watch) as server,
    ):
        until(server, lambda: len(audits(session)) >= 20)
        eventually(lambda: len(checks(session)) >= 2 * FIRST_ROUNDS * ANCHORS)
        before = len(checks(session))
        cloud.version = "big-cloud-2"
        until(server, lambda: "alert" in registry.kinds)
        eventually(lambda: len(checks(session)) >= before + 2 * ANCHORS)
    (alert,) = [event for event in registry.events if event.kind == "alert"]
    assert (alert.evidence["kind"], alert.evidence["now"]) == ("model-version", "big-cloud-2")
    assert "insource deploy anchors check --all" in alert.reason
    assert set(causes(registry)) == {"none"}
