"""The ways of an answer beside local and cloud, through a running gateway."""

import asyncio
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import web
from support.gateway_kit import BROKEN, STREAM, SURE, TASK, UNSURE, WHOLE, Local, Provider, stream
from support.gateway_ways import ask, gateway, http_cloud, post

from insource.gateway.admission.ask import Admission, AdmitAll
from insource.gateway.settings import HttpCloud, PassThrough, WaySettings
from insource.gateway.ways.spending import Spending
from insource.routing.ways.second_look import SecondLookModel
from insource.routing.ways.stages import StagedModel
from insource.store.calls.calls import find_calls
from insource.store.calls.selection import Selection
from insource.store.removal.purge import purge
from insource.types import Completion
from insource.types.ways import Rule

FAR = HttpCloud(model="big-cloud", base_url="https://cloud.example/v1")
LOCAL_ANSWER, UNSURE_ANSWER, CLOUD_ANSWER = '{"voltage":"480 V"}', '{"voltage":null}', '{"voltage":"400 V"}'


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


@pytest.fixture
def local():
    return Local()


def reason(reply):
    return reply.headers["x-insource-route"], reply.headers["x-insource-reason"]


def text(reply):
    return reply.json()["choices"][0]["message"]["content"]


def calls_in(recorder):
    recorder.flush()
    return find_calls(recorder.database)


def said(content, model, finish="stop"):
    """A chat completion of a provider."""
    return {
        "id": "x",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
    }


async def failing(request):
    return web.json_response({"error": {"message": "down"}}, status=503)


# An exact cache


def cached(recorder, local, provider, seconds=60, **changes):
    return gateway(recorder, local, http_cloud(provider), ways=WaySettings(cache_s=seconds), **changes)


@pytest.mark.parametrize(("document", "route"), [(SURE, "local"), (UNSURE, "cloud")])
def test_the_same_call_again_gets_the_earlier_answer_and_costs_nothing(
    recorder, local, provider, document, route
):
    with cached(recorder, local, provider, all_calls={"price": lambda *_: Decimal("0.5")}) as server:
        first = post(server, ask(document))
        recorder.flush()
        again, streamed = post(server, ask(document)), post(server, ask(document, stream=True))
        health = server.get("/health").json()["tasks"]["specs"]["reasons"]
    assert json.loads(text(again)) == json.loads(text(first))
    assert reason(again) == (route, "cached")
    assert again.headers["x-insource-model"] == first.json()["model"]
    assert b'\\"voltage\\"' in streamed.content
    assert (len(local.asked), len(provider.seen)) == (1, int(route == "cloud"))
    assert health["cached"] == 2
    costs = [call.cost_usd for call in calls_in(recorder)]
    assert costs == ([Decimal("0.5"), 0, 0] if route == "cloud" else [None, 0, 0])


def test_another_document_version_or_format_is_another_call(recorder, local, provider):
    form = {"response_format": {"type": "json_object"}}
    with cached(recorder, local, provider, version="v1") as server:
        post(server, ask(SURE))
        recorder.flush()
        others = [
            post(server, ask(UNSURE)),
            post(server, ask(SURE, **form)),
            post(server, ask(SURE, max_tokens=5)),
        ]
    with cached(recorder, local, provider, version="v2") as server:
        others.append(post(server, ask(SURE)))
    assert "cached" not in {one.headers["x-insource-reason"] for one in others}


def test_an_answer_is_forgotten_after_its_time_and_with_its_call(recorder, local, provider, tmp_path):
    with cached(recorder, local, provider, seconds=0.3) as server:
        post(server, ask(SURE))
        recorder.flush()
        assert reason(post(server, ask(SURE))) == ("local", "cached")
        asyncio.run(asyncio.sleep(0.35))
        assert reason(post(server, ask(SURE))) == ("local", "confident")
    with cached(recorder, local, provider) as server:
        post(server, ask(SURE))
        recorder.flush()
        assert reason(post(server, ask(SURE))) == ("local", "cached")
        purge(recorder.database, tmp_path / "spool", Selection(task="specs"), reason="asked to")
        assert reason(post(server, ask(SURE))) == ("local", "confident")


def test_doubtful_and_broken_answers_are_not_kept(recorder, local, provider):
    provider.answer = failing
    with cached(recorder, local, provider) as server:
        replies = []
        for _ in range(2):
            replies.append(post(server, ask(UNSURE)))
            recorder.flush()
    with gateway(recorder, local, ways=WaySettings(cache_s=60)) as server:  # no cloud: unsure, and served
        for _ in range(2):
            replies.append(post(server, ask(UNSURE)))
            recorder.flush()
    assert [reason(one)[1] for one in replies] == ["low-confidence", "low-confidence", "no-cloud", "no-cloud"]


def test_nothing_is_kept_unless_it_is_switched_on(recorder, local, provider):
    with gateway(recorder, local, http_cloud(provider)) as server:
        post(server, ask(SURE))
        recorder.flush()
        assert reason(post(server, ask(SURE))) == ("local", "confident")


# A person


def test_a_doubtful_answer_of_a_local_only_task_waits_for_a_person_and_says_so(recorder, local):
    task = TASK.model_copy(update={"privacy": "local-only"})
    with gateway(recorder, local, FAR, task=task) as server:
        doubtful, sure, broken = (post(server, ask(one)) for one in (UNSURE, SURE, BROKEN))
    assert (reason(doubtful), text(doubtful)) == (("local", "waits-for-a-person"), UNSURE_ANSWER)
    assert reason(sure) == ("local", "confident")
    assert (broken.status_code, broken.json()["error"]["code"]) == (503, "local-only")
    assert [call.route.reason for call in calls_in(recorder) if call.outcome == "ok"] == [
        "waits-for-a-person",
        "confident",
    ]


# A cheaper tier


def tiers(provider, cheap, finish="stop"):
    """Let the cheap model answer with ``cheap``, and the dear one as it does."""

    async def handle(request):
        if json.loads(provider.seen[-1].body)["model"] == "small-cloud":
            if cheap is None:
                return web.json_response({"error": {"message": "no"}}, status=500)
            return web.json_response(said(cheap, "small-cloud-2026", finish))
        return web.Response(body=WHOLE, content_type="application/json")

    provider.answer = handle


def priced(model, usage, at):
    return {"small-cloud-2026": Decimal("0.01"), "big-cloud-2026": Decimal("0.30")}[model]


@contextmanager
def with_tier(recorder, local, provider, accepts="valid"):
    ways = WaySettings(tier=http_cloud(provider, "small-cloud"), tier_accepts=accepts)
    with gateway(recorder, local, http_cloud(provider), all_calls={"price": priced}, ways=ways) as server:
        yield server


@pytest.mark.parametrize("accepts", ["valid", "agreeing"])
def test_the_cheaper_cloud_answers_before_the_dear_one(recorder, local, provider, accepts):
    tiers(provider, '{ "voltage": null }')
    with with_tier(recorder, local, provider, accepts) as server:
        reply = post(server, ask(UNSURE, temperature=0.5))
        streamed = post(server, ask(UNSURE, stream=True))
    assert (reason(reply), text(reply)) == (("cloud", "cheaper-tier"), '{ "voltage": null }')
    assert reply.headers["x-insource-model"] == "small-cloud"
    assert streamed.content.endswith(b"data: [DONE]\n\n")
    assert [json.loads(one.body)["model"] for one in provider.seen] == ["small-cloud"] * 2
    sent = json.loads(provider.seen[0].body)
    assert (sent["messages"], sent["temperature"]) == (ask(UNSURE)["messages"], 0.5)
    assert {call.cost_usd for call in calls_in(recorder)} == {Decimal("0.01")}


@pytest.mark.parametrize(
    ("cheap", "finish", "accepts", "paid"),
    [
        ("not JSON", "stop", "valid", True),
        ('{"voltage": 7}', "stop", "valid", True),
        ('{"voltage": null}', "length", "valid", True),
        (None, "stop", "valid", False),
        ('{"voltage": "400 V"}', "stop", "agreeing", True),  # another answer than the local one
    ],
)
def test_the_dear_cloud_answers_what_the_cheaper_one_does_not(
    recorder, local, provider, cheap, finish, accepts, paid
):
    tiers(provider, cheap, finish)
    with with_tier(recorder, local, provider, accepts) as server:
        reply = post(server, ask(UNSURE))
    assert (reply.content, reason(reply)) == (WHOLE, ("cloud", "low-confidence"))
    (call,) = calls_in(recorder)
    assert call.cost_usd == Decimal("0.30") + (Decimal("0.01") if paid else 0)


def test_what_is_not_the_tasks_own_call_goes_to_the_dear_cloud_alone(recorder, local, provider):
    tiers(provider, UNSURE_ANSWER)
    with with_tier(recorder, local, provider) as server:
        replies = [post(server, ask(UNSURE, n=2)), post(server, ask(BROKEN))]
    assert [reason(one)[1] for one in replies] == ["not-insourced", "cheaper-tier"]
    assert [json.loads(one.body)["model"] for one in provider.seen] == ["big-cloud", "small-cloud"]


# Rules


def ruled(recorder, local, cloud, *rules, fail="expensive", **changes):
    return gateway(recorder, local, cloud, ways=WaySettings(rules=rules, fail=fail), **changes)


def test_each_tenant_takes_its_own_ways(recorder, local, provider):
    rules = (
        Rule(name="acme", users=("acme",), use=("local", "unsure")),
        Rule(name="dear", features=("search",), use=("cloud",)),
        Rule(name="strict", users=("bank",), use=("local",)),
    )
    with ruled(recorder, local, http_cloud(provider), *rules) as server:
        acme = post(server, ask(UNSURE), **{"x-insource-user": "acme"})
        search = post(server, ask(SURE), **{"x-insource-feature": "search"})
        bank = post(server, ask(UNSURE), **{"x-insource-user": "bank"})
        sure_bank = post(server, ask(SURE), **{"x-insource-user": "bank"})
        nobody = post(server, ask(UNSURE))
    assert (reason(acme), text(acme)) == (("local", "unsure"), UNSURE_ANSWER)
    assert (reason(search), search.content) == (("cloud", "by-rule"), WHOLE)
    assert (bank.status_code, bank.json()["error"]["code"]) == (503, "by-rule")
    assert reason(sure_bank) == ("local", "confident")
    assert reason(nobody) == ("cloud", "low-confidence")


class Named(AdmitAll):
    """Knows every caller by the name of its key."""

    async def admit(self, asked):
        name = dict(asked.headers).get(b"authorization", b"").decode().rpartition("-")[2]
        return Admission(key_name=name)


def test_a_rule_may_be_for_the_calls_of_one_key(recorder, local, provider):
    rule = Rule(name="batch", keys=("batch",), use=("local", "unsure"))
    every = {"all_calls": {"pass_through": PassThrough(admission=Named())}}
    with ruled(recorder, local, http_cloud(provider), rule, **every) as server:
        batch = post(server, ask(UNSURE), authorization="Bearer isk-batch")
        web_ = post(server, ask(UNSURE), authorization="Bearer isk-web")
    assert (reason(batch), reason(web_)) == (("local", "unsure"), ("cloud", "low-confidence"))


def test_a_rule_never_lets_a_local_only_task_out(recorder, local, provider):
    task = TASK.model_copy(update={"privacy": "local-only"})
    rule = Rule(use=("cloud", "tier", "person"))
    with ruled(recorder, local, FAR, rule, task=task) as server:
        reply = post(server, ask(UNSURE))
    assert (reason(reply), text(reply)) == (("local", "waits-for-a-person"), UNSURE_ANSWER)


@pytest.mark.parametrize(
    ("order", "document", "expected"),
    [
        (("cloud", "local"), SURE, ("local", "confident")),
        (("local", "cloud", "unsure"), UNSURE, ("local", "cloud-failed")),
        (("local", "cloud", "person"), UNSURE, ("local", "waits-for-a-person")),
        (("cloud", "local", "unsure"), UNSURE, ("local", "cloud-failed")),
    ],
)
@pytest.mark.parametrize("failure", ["503", "unreachable", "slow"])
def test_the_order_says_what_answers_when_the_cloud_fails(
    recorder, local, provider, order, document, expected, failure
):
    async def slow(request):
        await asyncio.sleep(5)

    provider.answer = slow if failure == "slow" else failing
    cloud = http_cloud(provider, timeout_s=0.2)
    if failure == "unreachable":
        cloud = HttpCloud(model="big-cloud", base_url="http://127.0.0.1:9/v1")
    with ruled(recorder, local, cloud, Rule(use=order)) as server:
        reply, streamed = post(server, ask(document)), post(server, ask(document, stream=True))
    assert (reply.status_code, reason(reply)) == (200, expected)
    assert streamed.content.endswith(b"data: [DONE]\n\n")
    assert {call.outcome for call in calls_in(recorder)} == {"ok"}


def test_a_cloud_that_breaks_off_after_it_began_has_answered(recorder, local, provider):
    async def broken(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(STREAM[2])
        await asyncio.sleep(0.1)
        request.transport.abort()
        return response

    provider.answer = broken
    with ruled(recorder, local, http_cloud(provider), Rule(use=("local", "cloud", "unsure"))) as server:
        reply = post(server, ask(UNSURE, stream=True))
    assert b"upstream-unreachable" in reply.content
    assert [call.outcome for call in calls_in(recorder)] == ["interrupted"]


def test_the_error_of_the_cloud_passes_where_nothing_comes_after_it(recorder, local, provider):
    provider.answer = failing
    with ruled(recorder, local, http_cloud(provider), Rule(use=("local", "cloud"))) as server:
        reply = post(server, ask(UNSURE))
    assert (reply.status_code, reply.json()) == (503, {"error": {"message": "down"}})


BUDGET = Rule(name="budget", spent_usd=0.8, use=("local", "unsure"))


def test_a_spent_budget_keeps_the_calls_here_also_after_a_restart(recorder, local, provider):
    every = {"all_calls": {"price": lambda *_: Decimal("0.50")}}
    with ruled(recorder, local, http_cloud(provider), BUDGET, **every) as server:
        replies = [post(server, ask(UNSURE)) for _ in range(3)]
        spent = server.get("/health").json()["tasks"]["specs"]["ways"]["spent_today_usd"]
    assert [reason(one)[1] for one in replies] == ["low-confidence", "low-confidence", "unsure"]
    assert spent == 1.0
    recorder.flush()
    with ruled(recorder, local, http_cloud(provider), BUDGET, **every) as server:
        assert reason(post(server, ask(UNSURE))) == ("local", "unsure")
    assert len(provider.seen) == 2


@pytest.mark.parametrize(("fail", "second"), [("expensive", "low-confidence"), ("closed", "unsure")])
def test_a_cost_that_is_not_known_counts_as_configured(recorder, local, provider, fail, second):
    with ruled(recorder, local, http_cloud(provider), BUDGET, fail=fail) as server:
        replies = [post(server, ask(UNSURE)) for _ in range(2)]
    assert [reason(one)[1] for one in replies] == ["low-confidence", second]


def test_a_stream_counts_too(recorder, local, provider):
    provider.answer = stream
    every = {"all_calls": {"price": lambda *_: Decimal("0.90")}}
    with ruled(recorder, local, http_cloud(provider), BUDGET, **every) as server:
        post(server, ask(UNSURE, stream=True))
        assert reason(post(server, ask(UNSURE))) == ("local", "unsure")


def test_a_new_day_is_a_new_budget_and_a_clock_that_goes_back_is_none(recorder):
    at = datetime(2026, 11, 28, 23, 59, tzinfo=UTC)
    spending = Spending(recorder.database, "specs", lambda: at)
    spending.add(Decimal("0.7"))
    assert spending.today().usd == pytest.approx(0.7)
    at += timedelta(minutes=2)
    assert spending.today().usd == 0.0
    spending.add(Decimal("0.2"))
    at -= timedelta(days=1)
    assert spending.today().usd == pytest.approx(0.2)
    spending.add(None)
    assert not spending.today().whole


def test_calls_leave_a_model_that_is_too_slow_and_come_back(recorder, local, provider, monkeypatch):
    rule = Rule(name="slow", local_slower_than_s=0.2, use=("cloud",))
    slow, generate = [0.5], local.generate

    def taking_its_time(request):
        local.release.clear()
        local.release.wait(slow[0])
        local.release.set()
        return generate(request)

    local.generate = taking_its_time
    with ruled(recorder, local, http_cloud(provider), rule) as server:
        first, second = post(server, ask(SURE)), post(server, ask(SURE))
        slow[0] = 0.0
        monkeypatch.setattr("insource.gateway.tasks.line.FORGOTTEN_S", 0.0)
        third = post(server, ask(SURE))
    assert [reason(one) for one in (first, second, third)] == [
        ("local", "confident"),
        ("cloud", "by-rule"),
        ("local", "confident"),
    ]


# Local stages


class Rephrasing(Local):
    """As sure as it is told of its first answer; says ``again`` when it is asked at another temperature."""

    def __init__(self, sure, again):
        super().__init__()
        self.sure, self.again = sure, again

    def generate(self, request):
        self.asked.append(request)
        text = self.again if request.temperature else LOCAL_ANSWER
        return Completion(text=text, confidence=self.sure)


def twice(local):
    return SecondLookModel(local, lambda one: one, (0.5, 0.8), TASK.output)


@pytest.mark.parametrize(
    ("sure", "again", "expected", "asked"),
    [
        (0.7, '{ "voltage": "480 V" }', ("local", "confident"), 2),
        (0.7, '{"voltage":"48 V"}', ("cloud", "low-confidence"), 2),
        (0.4, LOCAL_ANSWER, ("cloud", "low-confidence"), 1),
        (0.8, LOCAL_ANSWER, ("local", "confident"), 1),
    ],
)
def test_a_doubtful_answer_is_looked_at_twice_before_the_cloud_is_asked(
    recorder, provider, sure, again, expected, asked
):
    local = Rephrasing(sure, again)
    with gateway(recorder, twice(local), http_cloud(provider)) as server:
        reply = post(server, ask(SURE))
    assert (reason(reply), len(local.asked)) == (expected, asked)
    if asked == 2:
        assert float(reply.headers["x-insource-confidence"]) == pytest.approx(
            0.85 if "local" in expected else 0.35
        )


@pytest.mark.parametrize(
    ("first", "second", "expected", "asked"),
    [
        (0.95, 0.1, ("local", "confident"), 0),
        (0.85, 0.9, ("local", "confident"), 1),
        (0.85, 0.1, ("cloud", "low-confidence"), 1),
    ],
)
def test_a_cheap_model_then_the_dear_one_then_the_cloud(recorder, provider, first, second, expected, asked):
    quick, slow = Rephrasing(first, ""), Rephrasing(second, "")
    with gateway(recorder, StagedModel(quick, slow, 0.9), http_cloud(provider)) as server:
        reply = post(server, ask(SURE))
    assert (reason(reply), len(quick.asked), len(slow.asked)) == (expected, 1, asked)
