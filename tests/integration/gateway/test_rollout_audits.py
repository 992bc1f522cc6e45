"""What a gateway compares with the cloud: which calls, at whose cost, and what it counts."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import pytest
from aiohttp import web
from support.gateway_kit import POLICY, TASK, Provider
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
)
from support.waiting import eventually

from insource.config.loading import validate
from insource.gateway.admission.ledger import KeyLedger
from insource.gateway.from_config import key_admitter, pass_through
from insource.gateway.settings import WaySettings
from insource.lifecycle.cloud_watch import cloud_findings, read_facts
from insource.logs.call_values import CallEnd, CallStart
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.deployments.audits import spent_on_audits
from insource.store.deployments.registry import open_registry
from insource.store.keys import create_key, open_keys
from insource.types import Labels, Task
from insource.types.deployment import Compared, Spent
from insource.types.ways import Rule


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path)


def test_an_audit_is_a_call_of_its_own_in_the_log_marked_with_the_one_it_is_about(
    tmp_path, recorder, provider, registry
):
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}) as server:
        _, said = ask(server, stream=False)
        eventually(lambda: len(audits(tmp_path)) == 1)
    recorder.flush()
    found = {call.source: call for call in find_calls(recorder.database)}
    assert found["audit"].tags["audit_of"] == found["gateway"].call_id == said["call-id"]
    assert found["audit"].route.reason == "audit"
    (audit,) = audits(tmp_path)
    assert audit.call_id == said["call-id"]
    assert audit.cloud_model == "big-cloud-2026"
    assert dict(provider.seen[0].headers)["authorization"] == "Bearer sk-x"


def test_the_local_answer_is_kept_where_the_cloud_was_served(tmp_path, recorder, provider, registry):
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(WRONG, confidence=0.3)}) as server:
        assert ask(server)[1]["reason"] == "low-confidence"
    recorder.flush()
    (call,) = find_calls(recorder.database)
    assert call.route.local_answer == WRONG
    assert call.route.version == "specs@a"


def test_a_local_only_task_is_never_audited(tmp_path, recorder, provider, registry):
    registry.move(canary("a", 1.0))
    task = TASK.model_copy(update={"privacy": "local-only"})
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, task=task) as server:
        for i in range(5):
            assert ask(server, f"Pump {i}")[1]["route"] == "local"
    assert audits(tmp_path) == ()
    assert provider.seen == []


def test_a_spent_audit_budget_stops_the_audits_and_the_step_holds(tmp_path, recorder, provider, registry):
    section = FAST.model_copy(update={"audit_usd_per_day": 0.0})
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, section) as server:
        for i in range(20):
            ask(server, f"Pump {i}")
        assert health(server)["deployment"]["audits"]["skipped"] == {"budget": 20}
        eventually(lambda: registry.kinds == ["canary", "held"])
        time.sleep(5 * section.interval_s)
        assert "go on at midnight UTC" in health(server)["deployment"]["audits"]["stopped"]
    assert provider.seen == []
    assert registry.kinds == ["canary", "held"]  # told once
    assert "audit_usd_per_day" in registry.events[-1].reason


def says(content):
    """A cloud that says one thing."""

    async def answer(request):
        message = {"role": "assistant", "content": content}
        choices = [{"index": 0, "finish_reason": "stop", "message": message}]
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        return web.json_response({"id": "x", "model": "big-cloud", "choices": choices, "usage": usage})

    return answer


def dollar(model, usage, at):
    return Decimal(1)


@pytest.mark.parametrize("answer", ["I would rather not.", RIGHT, ""])
def test_the_audit_budget_holds_whatever_the_cloud_says_and_over_a_restart(
    tmp_path, provider, registry, answer
):
    section = FAST.model_copy(update={"audit_usd_per_day": 2.0, "min_step_s": 3600})
    provider.answer = says(answer)
    registry.move(canary("a", 1.0))
    for start in range(2):
        with (
            Recorder.open(tmp_path / str(start)) as recorder,
            gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, section, price=dollar) as server,
        ):
            for i in range(10):
                ask(server, f"Pump {i}")
                eventually(lambda: health(server)["deployment"]["audits"]["under_way"] == 0)
            found = health(server)["deployment"]["audits"]
            assert Decimal(found["spent_today_usd"]) == 2
            assert found["skipped"]["budget"] >= 8
    assert len(provider.seen) == 2
    with open_registry(tmp_path) as database:
        assert spent_on_audits(database, "specs", datetime.now(UTC)) == Spent(Decimal(2), 0)


def test_audits_under_way_count_against_the_budget(tmp_path, recorder, provider, registry):
    async def slow(request):
        await asyncio.sleep(0.3)
        return await says(RIGHT)(request)

    provider.answer = slow
    section = FAST.model_copy(update={"audit_usd_per_day": 3.0, "min_step_s": 3600})
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, section, price=dollar) as server:
        for _ in range(3):
            for i in range(5):
                ask(server, f"Pump {i}")
            eventually(lambda: health(server)["deployment"]["audits"]["under_way"] == 0)
    assert len(provider.seen) == 3


def test_an_audit_without_a_known_price_is_the_last_of_the_day_and_what_to_type_is_said(
    tmp_path, recorder, provider, registry
):
    section = FAST.model_copy(update={"audit_usd_per_day": 5.0})
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, section) as server:
        for i in range(10):
            ask(server, f"Pump {i}")
            eventually(lambda: health(server)["deployment"]["audits"]["under_way"] == 0)
        found = health(server)["deployment"]["audits"]
        assert found["skipped"] == {"price-unknown": 9}
        assert "[prices.models]" in found["stopped"]
        assert "audit_usd_per_day = inf" in found["stopped"]
        eventually(lambda: registry.kinds == ["canary", "held"])
    assert len(provider.seen) == 1


@pytest.mark.parametrize("limits", [{"requests_per_minute": 10}, {"budget_usd": Decimal("0.05")}])
def test_audits_take_nothing_of_their_callers_rate_and_budget(
    tmp_path, recorder, provider, registry, limits, monkeypatch
):
    monkeypatch.setenv("REFERENCE_KEY", "sk-of-the-gateway")
    config = validate({"reference": {"base_url": provider.url, "api_key_env": "REFERENCE_KEY"}}, "test")
    ledger = KeyLedger(tmp_path)

    def price(model, usage, at):
        return Decimal("0.01") if model.startswith("big-cloud") else None

    admitter = key_admitter(config, ledger, price, exposed=False)
    with open_keys(tmp_path) as keys:
        _, secret = create_key(keys, "team", **limits)
    section = FAST.model_copy(update={"min_step_s": 3600})
    registry.move(canary("a", 1.0))
    models = {"a": Says(RIGHT)}
    passed = {"price": price, "pass_through": pass_through(config, admitter)}
    with gateway(tmp_path, recorder, provider, models, section, **passed) as server:

        def call(document):
            body = {"model": "specs", "max_tokens": 20, "messages": [{"role": "user", "content": document}]}
            said = {"authorization": f"Bearer {secret}"}
            return httpx2.post(f"{server.url}/chat/completions", json=body, headers=said, trust_env=False)

        for i in range(8):
            assert call(f"Pump {i}").status_code == 200
            eventually(lambda i=i: len(audits(tmp_path)) == i + 1)
        models["a"].confidence = 0.1
        assert call("Pomp?").headers["x-insource-route"] == "cloud"
    assert {dict(one.headers)["authorization"] for one in provider.seen} == {"Bearer sk-of-the-gateway"}
    assert not any(one.unanswered for one in audits(tmp_path))
    ledger.close()


def test_answers_that_a_rule_keeps_here_are_not_audited_and_are_no_outage(
    tmp_path, recorder, provider, registry
):
    ways = WaySettings(rules=(Rule(users=("ann",), use=("local", "unsure")),))
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, ways=ways) as server:
        for i in range(12):
            assert ask(server, f"Pump {i}", user="ann")[1]["route"] == "local"
        ask(server, "Pump of bob", user="bob")
        eventually(lambda: len(audits(tmp_path)) == 1)
        assert health(server)["deployment"]["audits"]["skipped"] == {"by-rule": 12}
    recorder.flush()
    facts = read_facts(recorder.database, "specs", datetime.now(UTC) - timedelta(days=1))
    assert [one.ok for one in facts] == [True]
    assert cloud_findings(facts, lambda *a: None, lambda model: False) == ()


def test_an_audit_that_was_refused_here_is_no_outage_of_the_cloud(tmp_path, recorder):
    for _ in range(6):
        started = recorder.begin_call(CallStart(request={}, model_asked="m", source="audit", task="specs"))
        started.end_call(CallEnd(outcome="error", finish_reason="error", status=503, error="by-rule: no"))
    recorder.flush()
    assert read_facts(recorder.database, "specs", datetime.now(UTC) - timedelta(days=1)) == ()


def test_doubtful_answers_that_were_served_all_the_same_say_nothing_of_the_policy(
    tmp_path, recorder, provider, registry
):
    ways = WaySettings(rules=(Rule(users=("ann",), use=("local", "unsure", "cloud")),))
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(WRONG, confidence=0.1)}, ways=ways) as server:
        for i in range(12):
            assert ask(server, f"Pump {i}", user="ann")[1]["reason"] == "unsure"
        assert health(server)["deployment"]["audits"]["skipped"] == {"not-by-policy": 12}
    assert audits(tmp_path) == ()
    assert registry.kinds == ["canary"]


def test_other_calls_do_not_wait_for_a_comparison(tmp_path, recorder, provider, registry):
    begun, release = threading.Event(), threading.Event()

    def compare(answer, reference):
        begun.set()
        assert release.wait(10)
        return Compared(0, 1)

    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(RIGHT)}, compare=compare) as server:
        ask(server)
        assert begun.wait(10)
        assert health(server)["deployment"]["audits"]["under_way"] == 1  # answered while it compares
        release.set()
        eventually(lambda: len(audits(tmp_path)) == 1)


def test_a_cloud_that_fails_gives_no_evidence(tmp_path, recorder, provider, registry):
    async def broken(request):
        return web.Response(status=500, body=b"{}", content_type="application/json")

    async def slow(request):
        await asyncio.sleep(0.2)
        return web.Response(body=b"not json", content_type="application/json")

    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says(WRONG)}) as server:
        for provider.answer in (broken, slow):
            for i in range(6):
                assert ask(server, f"Pump {i}")[1]["route"] == "local"
        eventually(lambda: health(server)["deployment"]["audits"]["skipped"].get("cloud-failed") == 12)
    assert {(one.unanswered, one.served, one.wrong) for one in audits(tmp_path)} == {
        ("cloud-failed", False, False)
    }
    assert registry.kinds == ["canary"]


@pytest.mark.parametrize(
    ("loss", "text", "found"),
    [
        ("fields", WRONG, (True, 1, 1, 1)),
        ("fields", RIGHT, (False, 0, 1, 1)),
        ("weighted", WRONG, (True, 3, 3, 3)),
        ("invented", WRONG, (False, 0, 1, 1)),  # another value, where the cloud has one, too
    ],
)
def test_an_audit_counts_what_the_policy_bounds(tmp_path, recorder, provider, registry, loss, text, found):
    policy = POLICY.model_copy(update={"loss": loss, "weights": {"voltage": 3.0}})
    registry.move(shadow("a"), "shadow")
    with gateway(tmp_path, recorder, provider, {"a": Says(text)}, policy=policy) as server:
        ask(server)
        eventually(lambda: len(audits(tmp_path)) == 1)
    (audit,) = audits(tmp_path)
    assert (audit.wrong, audit.lost, audit.counted, audit.most) == found
    assert audit.loss == loss


LABELS = Task(name="specs", instruction="Which team?", output=Labels(names=("billing", "delivery")))
QUESTION = {"type": "choice", "name": "team", "choices": [{"value": "billing"}, {"value": "delivery"}]}


def decide(server, document):
    body = {"model": "specs", "input": document, "questions": [QUESTION]}
    said = httpx2.post(f"{server.url}/decisions", json=body, trust_env=False)
    return said.json()["answers"][0].get("choice"), said.headers["x-insource-route"]


def choosing(choice):
    async def answer(request):
        answers = [{"type": "choice", "name": "team", "choice": choice, "confidence": 0.9}]
        return web.json_response({"model": "big-cloud", "answers": answers, "usage": {"input_tokens": 9}})

    return answer


@pytest.mark.parametrize(("cloud", "last"), [("billing", "promoted"), ("delivery", "rolled-back")])
def test_typed_decisions_are_audited_at_the_endpoint_of_their_caller(
    tmp_path, recorder, provider, registry, cloud, last
):
    provider.answer = choosing(cloud)
    registry.move(canary("a", 0.5))
    with gateway(tmp_path, recorder, provider, {"a": Says("billing")}, task=LABELS) as server:
        for count in range(300):
            if registry.kinds[-1] == last:
                break
            decide(server, f"The invoice {count}")
        assert registry.kinds[-1] == last
    assert {one.target for one in provider.seen} == {"/v1/decisions"}
    assert audits(tmp_path)[0].cloud_model == "big-cloud"


def test_typed_decisions_that_the_cloud_does_not_answer_hold_the_step_and_say_so(
    tmp_path, recorder, provider, registry
):
    async def unknown(request):
        return web.json_response({"error": {"message": "no such path"}}, status=404)

    provider.answer = unknown
    registry.move(canary("a", 1.0))
    with gateway(tmp_path, recorder, provider, {"a": Says("billing")}, task=LABELS) as server:
        for i in range(6):
            assert decide(server, f"The invoice {i}") == ("billing", "local")
            eventually(lambda: health(server)["deployment"]["audits"]["under_way"] == 0)
        assert health(server)["deployment"]["audits"]["skipped"] == {"no-decisions": 6}
        eventually(lambda: registry.kinds == ["canary", "held"])
    assert len(provider.seen) == 1
    assert "typed decisions" in registry.events[-1].reason
