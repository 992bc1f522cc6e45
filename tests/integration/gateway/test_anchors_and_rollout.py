"""A gateway whose cloud or whose model moves: anchors tell which, and only the model is withdrawn."""

from __future__ import annotations

import itertools
import json
import threading
import time
from datetime import timedelta

import httpx2
import openai
import pytest
from support.rollouts import FAST, RIGHT, WRONG, Registry, Says, ask, gateway, version
from support.scripted_provider import ScriptedProvider
from support.waiting import eventually
from support.walks import session_on

from insource.gateway.rollout.traffic import BUCKETS, bucket_of
from insource.gateway.settings import WaySettings
from insource.lifecycle.anchors.attribution import Harm, not_known
from insource.lifecycle.anchors.kept import alone
from insource.lifecycle.anchors.schedule import FIRST_ROUNDS
from insource.lifecycle.cloud_watch import FAILURES
from insource.lifecycle.transitions import in_canary, promoted
from insource.logs.recorder import Recorder
from insource.store.deployments.audits import add_audits, anchor_checks_of, audits_of
from insource.store.deployments.registry import open_registry
from insource.types import JsonSchema
from insource.types.deployment import Audit
from insource.types.ways import Rule
from insource.workflow.anchor_checks import accept_cloud, check_anchors
from insource.workflow.anchor_watch import AnchorWatch
from insource.workflow.anchors import add_anchors
from insource.workflow.ask_cloud import cloud_model
from insource.workflow.cloud_watch import MOVED
from insource.workflow.deploy import status as deploy_status

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


def health(server):
    root = server.url.removesuffix("/v1")
    return httpx2.get(f"{root}/health", trust_env=False).json()["tasks"]["specs"]


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


def anchors_of(session):
    return AnchorWatch(session, session.project.task(JsonSchema(definition=SCHEMA)))


def audit(number, session, *, wrong):
    return Audit(
        task="specs",
        version="specs@a",
        call_id=f"call {number}",
        at=session.clock.now(),
        source="live",
        wrong=wrong,
        fields=1,
        step=2,
    )


@pytest.fixture
def moved(session, cloud, watch, registry):
    """What a gateway left: a healthy model, audits that show harm, and anchors that say the cloud moved."""
    task = session.project.task(JsonSchema(definition=SCHEMA))
    check_anchors(session, task, cloud_model(session))
    cloud.says = WRONG
    with open_registry(session.project.workspace) as database:
        add_audits(database, [audit(n, session, wrong=n >= 20) for n in range(80)])
    check_anchors(session, task, cloud_model(session), forced=True)
    assert causes(registry)[-1] == "cloud"
    return session


def test_a_restart_does_not_roll_back_what_the_anchors_cleared(moved, cloud, recorder, registry):
    again = anchors_of(moved)
    with gateway(moved.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=again) as server:
        for number in range(40):
            ask(server, f"Pump {number}")
        eventually(lambda: again.turn(None, "specs@a", None).cause == "cloud")
    assert "rolled-back" not in registry.kinds
    assert registry.now.champion == version("a")


def test_what_keeps_a_gateway_from_asking_rolls_nothing_back(moved, cloud, recorder, registry, monkeypatch):
    """It has no key: what another one recorded holds, and it says why it asks none."""
    monkeypatch.delenv("ANCHOR_KEY")
    again = anchors_of(moved)
    with gateway(moved.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=again) as server:
        eventually(lambda: "ANCHOR_KEY" in again.problem)
        for number in range(40):
            ask(server, f"Pump {number}")
        problem = health(server)["deployment"]["problem"]
    assert "ANCHOR_KEY" in problem
    assert "rolled-back" not in registry.kinds


@pytest.mark.parametrize("damage", ["unreadable", "unforeseen"])
def test_a_look_that_fails_leaves_it_open(moved, cloud, recorder, registry, monkeypatch, damage, caplog):
    if damage == "unreadable":
        (moved.project.workspace / "anchors" / "specs.json").write_text("{")
    else:
        monkeypatch.setattr("insource.workflow.anchor_watch.standing_of", lambda *_: 1 / 0)
    again = anchors_of(moved)
    with gateway(moved.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=again) as server:
        eventually(lambda: again.problem)
        for number in range(40):
            ask(server, f"Pump {number}")
        found = again.turn(None, "specs@a", None)
    assert (found.cause, found.reason) == ("open", again.problem)
    assert again.problem in caplog.text
    assert "rolled-back" not in registry.kinds
    assert registry.now.champion == version("a")


def test_a_gateway_beside_another_that_asks_reads_what_it_recorded(moved, cloud, recorder, registry):
    with alone(moved.project.workspace, "specs"):
        again = anchors_of(moved)
        with gateway(moved.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=again) as server:
            for number in range(40):
                ask(server, f"Pump {number}")
            eventually(lambda: again.turn(None, "specs@a", None).cause == "cloud")
    assert "rolled-back" not in registry.kinds


def test_a_file_that_cannot_be_read_any_more_is_not_taken_for_the_one_without_anchors(session):
    watch, path = anchors_of(session), session.project.workspace / "anchors" / "specs.json"
    assert watch.turn(None, "specs@a", None) is None
    eventually(lambda: not watch._busy)
    path.parent.mkdir(exist_ok=True)
    path.write_text("{")
    eventually(lambda: getattr(watch.turn(None, "specs@a", None), "cause", "") == "open")
    path.unlink()
    eventually(lambda: watch.turn(None, "specs@a", None) is None)


def test_a_model_is_not_blamed_for_harm_of_another_one(session, watch):
    """What was found of one version, or of another harm, rolls nothing back."""
    now = session.clock.now()
    blamed = not_known("as if it were found").model_copy(update={"cause": "local"})
    watch._note(Harm(now, 10), "specs@a", blamed)
    watch._worker = threading.current_thread()  # so that no look begins
    assert watch.turn(Harm(now, 20), "specs@a", None).cause == "local"
    later = Harm(now + timedelta(minutes=1), 0)
    assert watch.turn(later, "specs@a", None).cause == "open"
    assert watch.turn(Harm(now, 20), "specs@b", None).cause == "open"
    watch._worker = None


def test_what_was_before_the_cloud_was_accepted_is_no_harm(moved, cloud, recorder, registry):
    """The provider took its change back, and an operator accepted it: the healthy model stays."""
    cloud.says = RIGHT
    accept_cloud(moved, "it is as before again")
    assert deploy_status(moved).step.evidence.harm_n == 0
    again = anchors_of(moved)
    with gateway(moved.project.workspace, recorder, cloud, {"a": Says(RIGHT)}, anchors=again) as server:
        rounds = FIRST_ROUNDS * ANCHORS
        eventually(lambda: sum(one.side == "cloud" for one in checks(moved)[-2 * rounds :]) >= rounds)
        eventually(lambda: causes(registry)[-1] == "none")
        for number in range(60):
            ask(server, f"Pump {number}")
    assert "rolled-back" not in registry.kinds
    assert not any(one.wrong for one in audits(moved)[-50:])


def test_harm_after_the_cloud_was_accepted_counts(moved, cloud, recorder, registry):
    cloud.says = RIGHT
    accept_cloud(moved, "it is as before again")
    model, again = Says(RIGHT), anchors_of(moved)
    with gateway(moved.project.workspace, recorder, cloud, {"a": model}, anchors=again) as server:
        eventually(lambda: causes(registry)[-1] == "none")
        model.text = WRONG
        until(server, lambda: registry.kinds[-1] == "rolled-back")


def test_the_status_says_what_a_gateway_does(moved, registry):
    step = deploy_status(moved).step
    assert (step.move, "the cloud moved" in step.reason) == ("hold", True)
    path = moved.project.workspace / "anchors" / "specs.json"
    path.write_text("{")
    assert deploy_status(moved).step.move == "hold"  # what cannot be read is open
    path.unlink()
    assert deploy_status(moved).step.move == "roll-back"


def test_another_version_of_the_cloud_is_asked_about_once_and_not_at_each_start(
    session, cloud, recorder, watch, registry
):
    def asked():
        return sum(one.side == "cloud" for one in checks(session))

    task = session.project.task(JsonSchema(definition=SCHEMA))
    check_anchors(session, task, cloud_model(session))
    cloud.version = "big-cloud-2"
    check_anchors(session, task, cloud_model(session), forced=True)
    before = asked()
    for start in (anchors_of(session), anchors_of(session), anchors_of(session)):
        start.turn(None, "specs@a", None)
        eventually(lambda start=start: not start._busy)
        assert start.problem == ""
    assert asked() == before + ANCHORS
    assert "big-cloud-2" in next(one.reason for one in registry.events if one.kind == "alert")


def doubting(session, setting):
    """The watch of a gateway that was started with this setting."""
    with (session.project.folder / "insource.toml").open("a") as file:
        file.write(f"on_cloud_trouble = {setting!r}\n")
    return anchors_of(session_on(session.project.folder))


def reasons(server, count=3):
    return {ask(server, f"Pump {number}")[1]["reason"] for number in range(count)}


def moves(registry):
    return [one.reason for one in registry.events if MOVED in one.evidence]


def test_doubtful_answers_are_served_here_while_the_cloud_moved_where_that_is_configured(
    moved, cloud, recorder, registry
):
    folder, doubtful = moved.project.workspace, {"a": Says(RIGHT, confidence=0.5)}
    again = doubting(moved, "serve-locally")
    with gateway(folder, recorder, cloud, doubtful, anchors=again) as server:
        eventually(lambda: again.cloud_trouble)
        before = len(audits(moved))
        text, said = ask(server, "Pump 1")
        assert (text, said["route"], said["reason"]) == (RIGHT, "local", "cloud-moved")
        assert reasons(server) == {"cloud-moved"}
        assert health(server)["reasons"] == {"cloud-moved": 4}
    assert len(audits(moved)) == before  # no policy keeps them, so they are not held against the version
    assert len(moves(registry)) == 1
    assert "served here: the cloud answers the anchors otherwise than before" in moves(registry)[0]
    again = anchors_of(again._session)
    with gateway(folder, recorder, cloud, doubtful, anchors=again) as server:
        eventually(lambda: again.cloud_trouble)
        assert len(moves(registry)) == 1  # and not said again after a restart
        eventually(lambda: not again._busy)
        accept_cloud(moved, "looked into")
        eventually(lambda: not again.cloud_trouble)
        assert reasons(server) == {"low-confidence"}
    assert moves(registry)[1:] == ["the cloud is asked again"]


def test_a_cloud_that_moved_is_only_told_of_by_default(moved, cloud, recorder, registry):
    again = anchors_of(moved)
    doubtful = {"a": Says(RIGHT, confidence=0.5)}
    with gateway(moved.project.workspace, recorder, cloud, doubtful, anchors=again) as server:
        eventually(lambda: again.turn(None, "specs@a", None).cause == "cloud")
        assert reasons(server) == {"low-confidence"}
    assert moves(registry) == []


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        (("local", "cloud"), "low-confidence"),
        (("local", "cloud", "unsure"), "cloud-moved"),
        (("cloud", "local"), "by-rule"),
    ],
)
def test_a_rule_that_allows_no_unsure_answer_is_kept(moved, cloud, recorder, registry, use, reason):
    again, ways = doubting(moved, "serve-locally"), WaySettings(rules=(Rule(use=use),))
    models = {"a": Says(RIGHT, confidence=0.5)}
    with gateway(moved.project.workspace, recorder, cloud, models, anchors=again, ways=ways) as server:
        eventually(lambda: again.cloud_trouble)
        assert reasons(server) == {reason}


@pytest.mark.parametrize(("text", "confidence"), [("I think 400 V", 0.9), (RIGHT, None)])
def test_only_valid_answers_of_a_known_confidence_are_served_here(
    moved, cloud, recorder, registry, text, confidence
):
    again = doubting(moved, "serve-locally")
    models = {"a": Says(text, confidence)}
    with gateway(moved.project.workspace, recorder, cloud, models, anchors=again) as server:
        eventually(lambda: again.cloud_trouble)
        assert reasons(server) == {"no-confidence" if text == RIGHT else "local-invalid"}


def test_doubtful_answers_are_served_here_during_an_outage(session, cloud, registry):
    again = doubting(session, "serve-locally")
    workspace, doubtful = session.project.workspace, {"a": Says(RIGHT, confidence=0.5)}
    with (
        Recorder.open(workspace) as recorder,
        gateway(workspace, recorder, cloud, doubtful, anchors=again) as server,
    ):
        assert reasons(server) == {"low-confidence"}
        cloud.script = [(503, {"error": {"message": "overloaded"}})]
        for number in range(FAILURES):
            with pytest.raises(openai.InternalServerError):
                ask(server, f"Pump {number}")
        eventually(lambda: again.cloud_trouble)
        assert reasons(server) == {"cloud-moved"}
        cloud.script = [(200, cloud.answer)]
        with openai.OpenAI(base_url=server.url, api_key="sk-x") as client:  # not one document: the cloud's
            turns = [{"role": role, "content": "x"} for role in ("user", "assistant", "user")]
            client.chat.completions.create(model="specs", messages=turns)
        eventually(lambda: not again.cloud_trouble)
        assert reasons(server) == {"low-confidence"}
    assert [f"the last {FAILURES} calls to the cloud got no answer" in one for one in moves(registry)] == [
        True,
        False,
    ]


class Crowded(Says):
    """Takes a moment for each answer, and remembers how many it was asked for at once."""

    def __init__(self):
        super().__init__(RIGHT)
        self.now = self.most = 0
        self.lock = threading.Lock()

    def generate(self, request):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return super().generate(request)


@pytest.mark.parametrize("first", ["", "a"])
def test_anchors_wait_for_the_slots_of_the_model_like_calls(session, cloud, recorder, watch, registry, first):
    """One slot is one answer at a time, whether the gateway opened the version itself or began with it."""
    models = {"a": (crowded := Crowded()), "": Says(WRONG)}
    with gateway(session.project.workspace, recorder, cloud, models, anchors=watch, first=first) as server:
        numbers = itertools.count()
        while sum(one.side == "local" for one in checks(session)) < ANCHORS:
            ask(server, f"Pump {next(numbers)}")
    assert next(numbers) > 10
    assert crowded.most == 1
    assert {one.right for one in checks(session) if one.side == "local"} == {True}


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
