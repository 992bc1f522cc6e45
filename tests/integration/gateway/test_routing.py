"""The gateway on loopback: real server, real clients, a provider that watches every byte."""

import asyncio
import gzip
import http.client
import json
import threading
import time
from contextlib import contextmanager
from decimal import Decimal
from urllib.parse import urlsplit

import httpx2
import openai
import pytest
from aiohttp import web
from support.gateway_kit import (
    BROKEN,
    MALFORMED,
    POLICY,
    STREAM,
    SURE,
    TASK,
    UNSURE,
    WHOLE,
    Local,
    Provider,
    confidence,
    delta,
    stream,
)

from insource.foundation.errors import PrerequisiteError
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, PassThrough, TaskSettings
from insource.models.fake import FakeCloud
from insource.models.replay import ReplayModel
from insource.store.calls.calls import find_calls
from insource.types import Completion, Message, Usage

KEY = "sk-" + "callers0own0key0that0nobody0keeps"


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


@pytest.fixture
def local():
    return Local()


@contextmanager
def gateway(recorder, local=None, cloud=None, all_calls=None, **changes):
    given = {"task": TASK, "policy": POLICY, "confidence": confidence} | changes
    own = TaskSettings(local=local, cloud=cloud, **given)
    settings = GatewaySettings(recorder=recorder, tasks=(own,), **(all_calls or {}))
    with GatewayServer(settings) as server:
        yield server


def http_cloud(provider):
    return HttpCloud(model="big-cloud", base_url=provider.url)


def client_of(server):
    return openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0)


def ask(document, model="specs", **more):
    return {"model": model, "messages": [{"role": "user", "content": document}], **more}


def post(server, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **headers}
    return httpx2.post(
        f"{server.url}/chat/completions", content=content, headers=headers, trust_env=False, timeout=20
    )


def only_call(recorder):
    recorder.flush()
    (call,) = find_calls(recorder.database)
    return call


def test_a_confident_answer_is_served_locally(recorder, local, provider):
    with gateway(recorder, local, http_cloud(provider)) as server, client_of(server) as client:
        raw = client.chat.completions.with_raw_response.create(**ask(SURE))
    answer = raw.parse()
    assert answer.choices[0].message.content == '{"voltage":"480 V"}'
    assert (answer.model, answer.usage.total_tokens) == ("specs-tuned", 27)
    assert provider.seen == []
    assert raw.headers["x-insource-route"] == "local"
    assert raw.headers["x-insource-model"] == "specs-tuned"
    assert raw.headers["x-insource-reason"] == "confident"
    assert raw.headers["x-insource-confidence"] == "0.95"
    assert raw.headers["x-insource-policy"] == "guaranteed; threshold=0.8"
    call = only_call(recorder)
    assert raw.headers["x-insource-call-id"] == call.call_id == answer.id.removeprefix("chatcmpl-")
    assert (call.route.to, call.route.reason, call.route.confidence) == ("local", "confident", 0.95)
    assert (call.task, call.model_asked, call.model_answered) == ("specs", "specs", "specs-tuned")
    assert (call.outcome, call.status, call.usage.output_tokens) == ("ok", 200, 7)
    asked = local.asked[0]
    assert asked.messages == TASK.messages(SURE)
    assert asked.grammar is not None
    assert asked.top_logprobs == 20


def test_a_doubtful_answer_is_the_clouds_byte_for_byte(recorder, local, provider):
    body = (
        b'{"model" : "big-cloud",  "messages":[{"role":"user","content":"%s"}],"zz":1.10}' % UNSURE.encode()
    )
    price = {("big-cloud-2026", 5): Decimal("0.25")}
    with gateway(
        recorder,
        local,
        http_cloud(provider),
        all_calls={"price": lambda m, u, at: price[(m, u.output_tokens)]},
    ) as server:
        reply = post(server, body, **{"OpenAI-Organization": "org-1", "X-Insource-Task": "specs"})
    assert reply.content == WHOLE
    assert reply.headers["x-request-id"] == "req-1"
    assert reply.headers["x-ratelimit-remaining-requests"] == "99"
    assert "x-insource-fake" not in reply.headers
    assert reply.headers["x-insource-route"] == "cloud"
    assert reply.headers["x-insource-reason"] == "low-confidence"
    (seen,) = provider.seen
    assert seen.body == body
    assert seen.target == "/v1/chat/completions"
    sent = dict(seen.headers)
    assert (sent["authorization"], sent["openai-organization"]) == (f"Bearer {KEY}", "org-1")
    assert not [name for name in sent if name.startswith("x-insource")]
    call = only_call(recorder)
    assert (call.route.to, call.route.model, call.route.reason) == ("cloud", "big-cloud", "low-confidence")
    assert (call.route.confidence, call.route.threshold) == (0.3, 0.8)
    assert call.response_text == '{"voltage":"400 V"}'
    assert (call.model_answered, call.finish_reason) == ("big-cloud-2026", "stop")
    assert call.cost_usd == Decimal("0.25")
    assert call.usage == Usage(input_tokens=11, cached_tokens=3, output_tokens=5)


@pytest.mark.parametrize("alias", ["specs", "insource/auto"])
def test_only_the_name_of_the_task_is_replaced_by_the_clouds_model(recorder, local, provider, alias):
    body = b'{"stop":"model", "model":"%s","messages" :[{"role":"user","content":"%s"}]}'
    with gateway(recorder, local, http_cloud(provider)) as server:
        post(server, body % (alias.encode(), UNSURE.encode()))
    assert provider.seen[0].body == body % (b"big-cloud", UNSURE.encode())


def test_the_callers_key_is_nowhere_on_disk(recorder, local, provider, tmp_path):
    with gateway(recorder, local, http_cloud(provider)) as server:
        post(server, ask(SURE))
        post(server, ask(UNSURE, user=KEY))
    recorder.flush()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert SURE.encode() in written


def test_a_streamed_cloud_answer_passes_unchanged(recorder, local, provider):
    provider.answer = lambda request: stream(request, pause_s=0.02)
    with gateway(recorder, local, http_cloud(provider)) as server:
        reply = post(server, ask(UNSURE, stream=True))
    assert reply.content == b"".join(STREAM)
    assert reply.headers["content-type"] == "text/event-stream"
    call = only_call(recorder)
    assert call.response_text == '{"voltage": "4ü0 V"}'
    assert (call.outcome, call.finish_reason, call.model_answered) == ("ok", "stop", "big-cloud-2026")
    assert 0 < call.first_token_s < call.latency_s


def test_the_first_streamed_byte_does_not_wait_for_the_last(recorder, local, provider):
    provider.answer = lambda request: stream(request, pause_s=0.3)
    with gateway(recorder, local, http_cloud(provider)) as server, client_of(server) as client:
        began = time.monotonic()
        with client.chat.completions.create(**ask(UNSURE), stream=True) as events:
            next(iter(events))
            first = time.monotonic() - began
            rest = "".join(event.choices[0].delta.content or "" for event in events)
        assert first < 0.6 * (time.monotonic() - began)
    assert rest == '{"voltage": "4ü0 V"}'


def test_a_local_answer_streams_when_asked_to(recorder, local):
    with gateway(recorder, local) as server, client_of(server) as client:
        events = list(
            client.chat.completions.create(**ask(SURE), stream=True, stream_options={"include_usage": True})
        )
        raw = post(server, ask(SURE, stream=True))
    assert "".join(e.choices[0].delta.content or "" for e in events if e.choices) == '{"voltage":"480 V"}'
    assert [e.choices[0].finish_reason for e in events if e.choices][-1] == "stop"
    assert events[-1].usage.completion_tokens == 7
    assert raw.content.endswith(b"data: [DONE]\n\n")
    assert raw.headers["x-insource-route"] == "local"


def test_the_async_client_works_on_many_calls_at_once(recorder, local, provider):
    async def main(url):
        async with openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0) as client:
            documents = [SURE, UNSURE] * 8
            return await asyncio.gather(*(client.chat.completions.create(**ask(d)) for d in documents))

    with gateway(recorder, local, http_cloud(provider)) as server:
        answers = asyncio.run(main(server.url))
    assert {a.choices[0].message.content for a in answers} == {'{"voltage":"480 V"}', '{"voltage":"400 V"}'}
    recorder.flush()
    routes = [call.route.to for call in find_calls(recorder.database)]
    assert (routes.count("local"), routes.count("cloud")) == (8, 8)


@pytest.mark.parametrize(("document", "reason"), [(MALFORMED, "local-invalid"), (BROKEN, "local-failed")])
def test_a_local_failure_is_the_clouds_chance(recorder, local, provider, document, reason):
    with gateway(recorder, local, http_cloud(provider)) as server:
        reply = post(server, ask(document))
    assert (reply.status_code, reply.content) == (200, WHOLE)
    assert reply.headers["x-insource-reason"] == reason
    assert only_call(recorder).route.reason == reason


def test_a_policy_without_a_threshold_sends_all_to_the_cloud(recorder, local, provider):
    policy = POLICY.model_copy(update={"threshold": None, "basis": "infeasible"})
    with gateway(recorder, local, http_cloud(provider), policy=policy) as server:
        reply = post(server, ask(SURE))
    assert reply.headers["x-insource-reason"] == "no-threshold"
    assert reply.headers["x-insource-policy"] == "infeasible"


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"n": 2},
        {"logprobs": True},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {
            "messages": [
                {"role": "user", "content": SURE},
                {"role": "assistant", "content": "?"},
                {"role": "user", "content": SURE},
            ]
        },
        {"model": "gpt-of-another-job"},
    ],
)
def test_what_is_not_the_tasks_job_goes_to_the_cloud_untouched(recorder, local, provider, more):
    body = json.dumps(ask(SURE, model="big-cloud") | more).encode()
    with gateway(recorder, local, http_cloud(provider)) as server:
        reply = post(server, body)
    assert reply.headers["x-insource-reason"] == "not-insourced"
    assert provider.seen[0].body == body
    assert local.asked == []
    assert only_call(recorder).task == ("" if "model" in more else "specs")


def test_a_rate_limit_passes_with_its_headers(recorder, local, provider):
    async def limited(request):
        body = {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit"}}
        headers = {"retry-after": "7", "x-should-retry": "true"}
        return web.json_response(body, status=429, headers=headers)

    provider.answer = limited
    with (
        gateway(recorder, local, http_cloud(provider)) as server,
        client_of(server) as client,
        pytest.raises(openai.RateLimitError) as raised,
    ):
        client.chat.completions.create(**ask(UNSURE))
    assert raised.value.response.headers["retry-after"] == "7"
    assert raised.value.response.headers["x-should-retry"] == "true"
    assert len(provider.seen) == 1
    call = only_call(recorder)
    assert (call.outcome, call.status, call.error) == ("error", 429, "slow down")
    assert call.cost_usd is None


def test_a_compressed_answer_passes_compressed_and_is_read(recorder, local, provider):
    packed = gzip.compress(WHOLE)

    async def compressed(request):
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        return web.Response(body=packed, headers=headers)

    provider.answer = compressed
    with gateway(recorder, local, http_cloud(provider)) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps(ask(UNSURE)),
            {"content-type": "application/json", "accept-encoding": "gzip"},
        )
        reply = connection.getresponse()
        assert reply.read() == packed
        assert reply.headers["content-encoding"] == "gzip"
        connection.close()
    assert dict(provider.seen[0].headers)["accept-encoding"] == "gzip"
    assert only_call(recorder).response_text == '{"voltage":"400 V"}'


def test_a_provider_that_is_not_there_is_a_502(recorder, local):
    nowhere = HttpCloud(model="big-cloud", base_url="http://127.0.0.1:9/v1")
    with gateway(recorder, local, nowhere) as server:
        reply = post(server, ask(UNSURE))
    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream-unreachable")
    call = only_call(recorder)
    assert (call.outcome, call.status, call.route.to) == ("error", 502, "cloud")


def test_a_silent_provider_times_out(recorder, local, provider):
    async def silent(request):
        await asyncio.sleep(5)

    provider.answer = silent
    cloud = HttpCloud(model="big-cloud", base_url=provider.url, timeout_s=0.2)
    with gateway(recorder, local, cloud) as server:
        reply = post(server, ask(UNSURE))
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "upstream-timeout")
    assert only_call(recorder).status == 504


def test_a_stream_that_breaks_off_is_recorded_as_interrupted(recorder, local, provider):
    async def broken(request):
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece in STREAM[:3]:
            await response.write(piece)
        await asyncio.sleep(0.1)
        request.transport.abort()
        return response

    provider.answer = broken
    with gateway(recorder, local, http_cloud(provider)) as server:
        reply = post(server, ask(UNSURE, stream=True))
    assert reply.content.startswith(b"".join(STREAM[:3]))
    error = json.loads(reply.content.removeprefix(b"".join(STREAM[:3])).removeprefix(b"data: "))
    assert error["error"]["code"] == "upstream-unreachable"
    call = only_call(recorder)
    assert (call.outcome, call.response_text) == ("interrupted", '{"voltage":')


def test_a_client_that_hangs_up_cancels_the_cloud_and_leaves_a_partial_record(recorder, local, provider):
    provider.answer = lambda request: stream(
        request, [*STREAM[:3], *[b"data: " + json.dumps(delta("x")).encode() + b"\n\n"] * 500], pause_s=0.05
    )
    with gateway(recorder, local, http_cloud(provider)) as server:
        client = client_of(server)
        with client.chat.completions.create(**ask(UNSURE), stream=True) as events:
            for event in events:
                if event.choices[0].delta.content == "x":
                    break
        client.close()
        assert provider.cancelled.wait(5)
        call = wait_for_call(recorder)
    assert call.outcome == "interrupted"
    assert call.response_text.startswith('{"voltage":x')
    assert (call.route.to, call.error) == ("cloud", "the client hung up")


def test_a_client_that_hangs_up_on_the_local_model_is_recorded(recorder, local):
    local.release.clear()
    with gateway(recorder, local) as server:
        address = urlsplit(server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(ask(SURE)), {"content-type": "application/json"}
        )
        while not local.asked:
            time.sleep(0.01)
        connection.close()
        call = wait_for_call(recorder)
        local.release.set()
        assert post(server, ask(SURE)).status_code == 200
    assert (call.outcome, call.response_text, call.route) == ("interrupted", "", None)


def wait_for_call(recorder):
    for _ in range(200):
        recorder.flush()
        if calls := find_calls(recorder.database):
            return calls[0]
        time.sleep(0.02)
    raise AssertionError("no call was recorded")


def test_a_simulated_cloud_is_named_wherever_it_answers(recorder, local):
    cloud = FakeCloud({UNSURE: {"voltage": "400 V"}}, seed=0)
    with gateway(recorder, local, cloud) as server, client_of(server) as client:
        raw = client.chat.completions.with_raw_response.create(**ask(UNSURE))
        streamed = post(server, ask(UNSURE, stream=True))
        unknown = post(server, ask(MALFORMED))
    assert raw.parse().model == "fake/published-cloud"
    assert raw.headers["x-insource-simulated"] == "true"
    assert raw.headers["x-insource-reason"] == "low-confidence, simulated cloud"
    assert streamed.headers["x-insource-simulated"] == "true"
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (502, "simulated-document-unknown")
    recorder.flush()
    calls = find_calls(recorder.database)
    assert all(call.route.simulated for call in calls)
    assert sorted(call.outcome for call in calls) == ["error", "ok", "ok"]


def test_a_recorded_answer_is_named_as_one_and_is_no_call_of_the_provider(recorder, local):
    prompt = (Message(role="user", content=UNSURE),)
    cloud = ReplayModel(
        "someone/model", {prompt: Completion(text='{"voltage": "400 V"}', model="someone/model")}
    )
    with gateway(recorder, local, cloud) as server, client_of(server) as client:
        raw = client.chat.completions.with_raw_response.create(**ask(UNSURE))
    assert raw.parse().choices[0].message.content == '{"voltage": "400 V"}'
    assert raw.headers["x-insource-reason"] == "low-confidence, recorded answer"
    assert raw.headers["x-insource-simulated"] == "true"
    recorder.flush()
    (call,) = find_calls(recorder.database)
    assert call.simulated
    assert call.route.reason == "low-confidence, recorded answer"


def test_without_a_cloud_a_valid_local_answer_is_better_than_none(recorder, local):
    with gateway(recorder, local) as server:
        doubtful, malformed, broken, tools = (
            post(server, body)
            for body in (ask(UNSURE), ask(MALFORMED), ask(BROKEN), ask(SURE, tools=[{"type": "function"}]))
        )
        other = post(server, ask(SURE, model="gpt-of-another-job"))
    assert doubtful.json()["choices"][0]["message"]["content"] == '{"voltage":null}'
    assert doubtful.headers["x-insource-reason"] == "no-cloud"
    assert [r.status_code for r in (malformed, broken, tools)] == [503, 503, 400]
    assert malformed.json()["error"]["code"] == "no-cloud"
    assert (other.status_code, other.json()["error"]["code"]) == (404, "model-not-found")
    recorder.flush()
    assert sorted(c.outcome for c in find_calls(recorder.database)) == ["error"] * 4 + ["ok"]


@pytest.mark.parametrize("document", [BROKEN, MALFORMED])
def test_a_local_only_task_fails_closed(recorder, local, document):
    far = HttpCloud(model="big-cloud", base_url="http://cloud.invalid/v1")
    task = TASK.model_copy(update={"privacy": "local-only"})
    for cloud in (far, FakeCloud({document: {"voltage": None}}, seed=0)):
        with gateway(recorder, local, cloud, task=task) as server:
            reply = post(server, ask(document))
            other = post(server, ask(SURE, model="gpt-of-another-job"))
            assert post(server, ask(UNSURE)).headers["x-insource-reason"] == "waits-for-a-person"
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "local-only")
        assert other.status_code == 404


def test_malformed_calls_get_openais_error_shape_and_a_record(recorder, local):
    deep = b'{"model":"specs","messages":[{"role":"user","content":' + b"[" * 100_000
    with gateway(recorder, local, all_calls={"pass_through": PassThrough(max_body_bytes=500_000)}) as server:
        replies = [
            post(server, b"{"),
            post(server, b"[]"),
            post(server, b'{"model":"specs"}'),
            post(server, deep),
            post(server, ask(SURE), **{"content-type": "text/plain"}),
            post(server, b" " * 500_001),
        ]
    codes = [(reply.status_code, reply.json()["error"]["code"]) for reply in replies]
    assert codes == [(400, "invalid-request")] * 4 + [
        (415, "unsupported-content-type"),
        (413, "request-too-large"),
    ]
    assert all(set(r.json()["error"]) == {"message", "type", "param", "code"} for r in replies)
    recorder.flush()
    assert sorted(call.status for call in find_calls(recorder.database)) == [400, 400, 400, 400, 413, 415]


def test_other_addresses(recorder, local, provider):
    alive = [True]
    with (
        gateway(recorder, local, http_cloud(provider), alive=lambda: alive[0]) as server,
        client_of(server) as client,
    ):
        root = server.url.removesuffix("/v1")
        assert [model.id for model in client.models.list()] == ["specs", "insource/auto", "big-cloud"]
        get = lambda path: httpx2.get(root + path, trust_env=False)  # noqa: E731 - shorter than a function
        health = get("/health").json()
        alive[0] = False
        degraded = get("/health").json()
        missing, wrong_method = get("/v1/nothing"), get("/v1/chat/completions")
    specs = health["tasks"]["specs"]
    assert (health["status"], specs["engine"]["alive"]) == ("ok", True)
    assert specs["cloud"] == {"configured": True, "model": "big-cloud"}
    assert health["log"] == {"lost": 0, "damaged": 0, "drain_failures": 0}
    assert (degraded["status"], degraded["tasks"]["specs"]["engine"]["alive"]) == ("degraded", False)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown-route")
    assert (wrong_method.status_code, wrong_method.headers["allow"]) == (405, "POST")


def test_a_call_that_cannot_be_logged_is_refused_when_asked_to(recorder, local, provider, monkeypatch):
    def refuse(*args, **kwargs):
        raise PrerequisiteError("spool-unwritable", "The call log cannot be written.")

    monkeypatch.setattr(recorder, "begin_call", refuse)
    with gateway(recorder, local, http_cloud(provider)) as server:
        reply = post(server, ask(SURE))
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "spool-unwritable")
    assert (local.asked, provider.seen) == ([], [])


def test_a_port_in_use_is_named(recorder, local):
    with gateway(recorder, local) as server:
        taken = urlsplit(server.url).port
        settings = GatewaySettings(recorder=recorder)
        with pytest.raises(PrerequisiteError) as raised, GatewayServer(settings, port=taken):
            pass
    assert raised.value.code == "port-in-use"
    assert not [thread for thread in threading.enumerate() if thread.name == "insource-gateway"]
