"""Traffic moves only as fast as the evidence allows, and back by itself: a gateway and its registry."""

import asyncio
import time
from datetime import timedelta

import openai
import pytest
from aiohttp import web
from support.gateway_kit import Provider
from support.rollouts import (
    FAST,
    RIGHT,
    WRONG,
    Registry,
    Says,
    ask,
    audits,
    canary,
    gateway,
    health,
    shadow,
    until,
    version,
)
from support.waiting import eventually

from insource.lifecycle.transitions import in_canary, promoted, rolled_back
from insource.logs.recorder import Recorder
from insource.store.deployments.audits import AUDITS
from insource.store.deployments.registry import EVENTS, open_registry


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path)


def test_a_good_version_goes_up_the_ladder_by_itself(tmp_path, recorder, provider, registry):
    registry.move(canary("a"))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}) as server:
        until(server, lambda: registry.now.champion is not None)
        assert registry.kinds == ["canary", "advanced", "promoted"]
        advanced = registry.events[1]
        assert advanced.evidence["safe_wrong"] == 0
        assert advanced.evidence["safe_n"] >= 5
        eventually(lambda: ask(server)[1]["route"] == "local")
        assert ask(server)[1]["version"] == "specs@a"


def test_a_bad_version_is_withdrawn_by_itself_and_no_client_sees_an_error(
    tmp_path, recorder, provider, registry
):
    registry.move(canary("good"))
    registry.move(promoted, "promoted")
    registry.move(canary("bad"))
    with gateway(tmp_path, recorder, provider, {"good": Says(RIGHT), "bad": Says(WRONG)}) as server:
        until(server, lambda: registry.kinds[-1] == "rolled-back")
        event = registry.events[-1]
        assert (event.version, event.by.split()[0]) == ("specs@bad", "gateway")
        assert event.evidence["harm_wrong"] == event.evidence["harm_n"] >= 5
        assert registry.now.champion == version("good")
        eventually(lambda: {ask(server, f"x{i}")[0] for i in range(20)} == {RIGHT})


def test_a_version_that_goes_bad_at_full_traffic_gives_way_to_the_one_before_it(
    tmp_path, recorder, provider, registry
):
    models = {"old": Says(RIGHT), "new": Says(RIGHT)}
    for name in ("old", "new"):
        registry.move(canary(name))
        registry.move(promoted, "promoted")
    opened = []
    with gateway(tmp_path, recorder, provider, models, opened=opened) as server:
        assert sorted(opened) == ["new", "old"]  # the version before is kept open
        until(server, lambda: len(audits(tmp_path)) >= 20)
        models["new"].text = WRONG
        until(server, lambda: registry.kinds[-1] == "rolled-back")
        assert registry.now.champion == version("old")
        eventually(lambda: ask(server)[1]["version"] == "specs@old")
        models["old"].text = WRONG
        until(server, lambda: registry.kinds.count("rolled-back") == 2)
        eventually(lambda: ask(server)[1]["route"] == "cloud")
        assert ask(server)[1]["reason"] == "not-deployed"


def test_in_shadow_nobody_sees_the_version_and_its_answers_are_compared(
    tmp_path, recorder, provider, registry
):
    registry.move(shadow("a"), "shadow")
    with gateway(tmp_path, recorder, provider, {"a": Says(WRONG)}) as server:
        for i in range(10):
            text, said = ask(server, f"Pump {i}")
            assert (text, said["route"], said["reason"]) == (RIGHT, "cloud", "in-shadow")
        eventually(lambda: len(audits(tmp_path)) == 10)
        assert {(one.source, one.wrong, one.served) for one in audits(tmp_path)} == {("shadow", True, True)}
        assert registry.kinds == ["shadow"]  # what nobody sees harms nobody
        assert len(provider.seen) == 10  # the cloud's answer was there anyway


def test_callers_keep_their_version_while_the_share_stays_and_rises(tmp_path, recorder, provider, registry):
    section = FAST.model_copy(update={"audit_share": 0.0})
    registry.move(canary("a", 0.5))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, section) as server:
        users = [f"user {i}" for i in range(40)]
        first = {user: ask(server, user=user)[1]["route"] for user in users}
        assert 8 <= sum(to == "local" for to in first.values()) <= 32
        assert {user: ask(server, user=user)[1]["route"] for user in users} == first
        registry.move(lambda before, now: in_canary(before, version("a"), 0.8, now))
        eventually(lambda: health(server)["deployment"]["share"] == 0.8)
        later = {user: ask(server, user=user)[1]["route"] for user in users}
        assert all(later[user] == "local" for user in users if first[user] == "local")


def test_only_the_calls_with_the_tag_are_in_the_canary(tmp_path, recorder, provider, registry):
    registry.move(lambda before, now: in_canary(before, version("a"), 1.0, now, only={"user": "ann"}))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}) as server:
        assert ask(server, user="ann")[1]["route"] == "local"
        assert ask(server, user="bob")[1]["reason"] == "not-in-canary"


def test_a_broken_model_stops_within_its_first_calls_and_the_cloud_answers(
    tmp_path, recorder, provider, registry
):
    model = Says(RIGHT)
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": model}) as server:
        ask(server)
        model.fails = True
        routes = [ask(server, f"Pump {i}")[1]["route"] for i in range(8)]
        assert routes == ["cloud"] * 8
        assert model.asked <= 1 + FAST.max_failures
        eventually(lambda: registry.kinds[-1] == "guard-tripped")
        assert registry.now.challenger is None
        assert "calls failed" in registry.events[-1].reason


def test_a_broken_champion_is_tried_again_after_its_cool_down(tmp_path, recorder, provider, registry):
    model = Says(RIGHT)
    section = FAST.model_copy(update={"cool_down_s": 0.3})
    registry.move(canary("a"))
    registry.move(promoted, "promoted")
    with gateway(tmp_path, recorder, provider, {"a": model}, section) as server:
        model.fails = True
        reasons = [ask(server, f"Pump {i}")[1]["reason"] for i in range(6)]
        assert reasons[:5] == ["local-failed"] * 5
        assert reasons[5] == "circuit-open"
        model.fails = False
        eventually(lambda: ask(server)[1]["route"] == "local")
        assert registry.kinds.count("guard-tripped") == 1
        assert registry.now.champion == version("a")


def test_a_version_that_cannot_be_opened_is_withdrawn_and_calls_go_on(tmp_path, recorder, provider, registry):
    registry.move(canary("a"))
    registry.move(promoted, "promoted")
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}) as server:
        registry.move(canary("gone"))
        eventually(lambda: registry.kinds[-1] == "guard-tripped")
        assert "cannot be opened" in registry.events[-1].reason
        assert registry.now.champion == version("a")
        assert ask(server)[1]["route"] == "local"


def test_what_is_deployed_survives_a_restart_with_its_evidence(tmp_path, provider, registry):
    registry.move(canary("a", 1.0))
    section = FAST.model_copy(update={"min_step_s": 3600})
    for _ in range(2):
        with (
            Recorder.open(tmp_path) as recorder,
            gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, section) as server,
        ):
            for i in range(4):
                assert ask(server, f"Pump {i}")[1]["version"] == "specs@a"
    assert len(audits(tmp_path, version="specs@a")) == 8
    assert registry.now.share == 1.0


def test_two_gateways_follow_one_registry_and_decide_once(tmp_path, provider, registry):
    registry.move(canary("a"))
    with (
        Recorder.open(tmp_path / "1") as one,
        Recorder.open(tmp_path / "2") as two,
        gateway(tmp_path, one, provider, {"a": Says(RIGHT)}) as first,
        gateway(tmp_path, two, provider, {"a": Says(RIGHT)}) as second,
    ):
        for count in range(300):
            if registry.now.champion is not None:
                break
            ask(first if count % 2 else second, f"Pump {count}")
        assert registry.kinds == ["canary", "advanced", "promoted"]
        for server in (first, second):
            eventually(lambda server=server: ask(server)[1]["route"] == "local")


def test_without_a_registry_the_model_answers_as_before(tmp_path, recorder, provider):
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, first="a") as server:
        text, said = ask(server)
        assert (text, said["route"], said["version"], said["cost-usd"]) == (RIGHT, "local", "specs@a", "0")
    assert provider.seen == []  # and nothing is spent on comparing it


def test_a_rolled_back_task_is_answered_by_the_cloud(tmp_path, recorder, provider, registry):
    registry.move(canary("a"))
    registry.move(rolled_back, "rolled-back")
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, first="a") as server:
        assert ask(server)[1]["route"] == "cloud"


def test_what_cannot_be_read_stops_neither_the_ladder_nor_an_operator(tmp_path, recorder, provider, registry):
    registry.move(canary("a"))
    with open_registry(tmp_path) as database, database.write() as connection:
        for table in (AUDITS, EVENTS):
            connection.execute(table.insert().values(task="specs", at=0, document='{"of": "the future"}'))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}) as server:
        until(server, lambda: registry.now.champion is not None)
        registry.move(rolled_back, "rolled-back")
        eventually(lambda: ask(server)[1]["route"] == "cloud")


def test_the_pointer_follows_even_when_the_evidence_cannot_be_weighed(
    tmp_path, recorder, provider, registry, monkeypatch
):
    def broken(*args, **kwargs):
        raise RuntimeError("no evidence today")

    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}) as server:
        monkeypatch.setattr("insource.gateway.rollout.weighing.evidence_of", broken)
        ask(server)
        eventually(lambda: "no evidence" in health(server)["deployment"]["problem"])
        registry.move(rolled_back, "rolled-back")
        eventually(lambda: ask(server)[1]["route"] == "cloud")


def test_a_version_that_a_guard_stopped_may_be_deployed_again(tmp_path, recorder, provider, registry):
    model = Says(RIGHT)
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": model}, first="a") as server:
        model.fails = True
        for i in range(6):
            ask(server, f"Pump {i}")
        eventually(lambda: registry.kinds[-1] == "guard-tripped")
        model.fails = False
        registry.move(canary("a", 1.0))
        until(server, lambda: registry.now.champion is not None)


def test_a_champion_is_watched_while_a_canary_runs_and_its_end_leaves_the_canary(
    tmp_path, recorder, provider, registry
):
    models = {"old": Says(RIGHT), "new": Says(RIGHT)}
    section = FAST.model_copy(update={"min_step_s": 3600})
    registry.move(canary("old"))
    registry.move(promoted, "promoted")
    registry.move(canary("new"))
    with gateway(tmp_path, recorder, provider, models, section) as server:
        until(server, lambda: len(audits(tmp_path, version="specs@old")) >= 5)
        models["old"].text = WRONG
        until(server, lambda: registry.kinds[-1] == "rolled-back")
        assert registry.events[-1].version == "specs@old"
        assert (registry.now.champion, registry.now.challenger) == (None, version("new"))


def test_a_clock_that_stood_ahead_at_a_promotion_blinds_nobody(tmp_path, recorder, provider, registry):
    models = {"a": Says(RIGHT)}
    registry.move(lambda before, now: in_canary(before, version("a"), 1.0, now + timedelta(hours=2)))
    registry.move(lambda before, now: promoted(before, now + timedelta(hours=2)), "promoted")
    with gateway(tmp_path, recorder, provider, models) as server:
        models["a"].text = WRONG
        until(server, lambda: registry.kinds[-1] == "rolled-back")


def test_an_open_version_answers_whoever_asks_for_it_by_name(tmp_path, recorder, provider, registry):
    models = {"old": Says(RIGHT), "new": Says(WRONG)}
    for name in ("old", "new"):
        registry.move(canary(name))
        registry.move(promoted, "promoted")
    with gateway(tmp_path, recorder, provider, models) as server:
        assert ask(server, model="specs@old")[0] == RIGHT
        assert ask(server, model="specs@new")[0] == WRONG
        assert ask(server)[1]["version"] == "specs@new"
        with pytest.raises(openai.NotFoundError):
            ask(server, model="specs@gone")


def test_a_champion_that_could_not_be_opened_is_tried_again(
    tmp_path, recorder, provider, registry, monkeypatch
):
    monkeypatch.setattr("insource.gateway.rollout.versions.RETRY_S", 0.2)
    models = {}
    registry.move(canary("a"))
    registry.move(promoted, "promoted")
    with gateway(tmp_path, recorder, provider, models) as server:
        assert ask(server)[1]["reason"] == "not-open"
        models["a"] = Says(RIGHT)
        eventually(lambda: ask(server)[1]["route"] == "local")


def test_a_gateway_that_stops_gives_up_slow_audits_and_closes_its_versions(
    tmp_path, recorder, provider, registry
):
    async def slow(request):
        await asyncio.sleep(30)
        return web.Response(status=500)

    provider.answer, opened = slow, []
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, opened=opened) as server:
        ask(server)
        assert opened == ["a"]
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert opened == []


def test_a_canary_of_one_feature_is_not_promoted_to_all_calls_unseen(tmp_path, recorder, provider, registry):
    models = {"a": Says(RIGHT)}
    registry.move(lambda before, now: in_canary(before, version("a"), 1.0, now, only={"user": "ann"}))
    with gateway(tmp_path, recorder, provider, models) as server:
        for count in range(100):
            ask(server, f"Pump {count}", user="ann")
            if registry.kinds[-1] == "advanced":
                break
        assert (registry.now.champion, registry.now.only, registry.now.share) == (None, {}, 0.5)
        assert "from calls with ann" in registry.events[-1].reason
