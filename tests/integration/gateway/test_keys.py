"""Virtual keys through the running gateway, with the official clients and a provider on loopback."""

import asyncio
import json
import logging
import socket
import threading
from contextlib import contextmanager
from decimal import Decimal
from urllib.parse import urlsplit

import anthropic
import httpx2
import openai
import pytest
from aiohttp import web
from support.gateway_kit import Provider, stream, whole

from insource.gateway.admission.keys import Access, KeyAdmitter, TaskRules
from insource.gateway.admission.ledger import KeyLedger
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.store.keys import Spend, create_key, open_keys, spend_of

CENT = Decimal("0.01")
# Planted secrets that no redaction rule knows by its shape: what keeps them out of the log is that they
# are never put there.
UPSTREAM_SECRET = "grey-heron-upstream-4471"
CALLER_SECRET = "blue-otter-caller-9023"
ENVIRONMENT = {"OPENAI_API_KEY": UPSTREAM_SECRET, "ANTHROPIC_API_KEY": UPSTREAM_SECRET}


def price(model, usage, at):
    """A cent for a request's worst case, half of it for what the provider answers."""
    return CENT if usage.input_tokens and usage.input_tokens > 500 else CENT / 2


@pytest.fixture
def provider():
    with Provider() as provider:
        yield provider


@pytest.fixture
def workspace(tmp_path):
    return tmp_path / ".insource"


@pytest.fixture
def keys(workspace):
    with open_keys(workspace) as database:
        yield database


@pytest.fixture
def gateway(provider, workspace):
    @contextmanager
    def run(*, require_key=False, privacy=None, elsewhere=False, price=price):
        base_url = provider.url
        access = {
            "openai": Access("https://not.this.machine/v1" if elsewhere else base_url, "OPENAI_API_KEY"),
            "gone": Access("http://127.0.0.1:1/v1", "OPENAI_API_KEY"),
            "keyless": Access(base_url),
            "anthropic": Access(base_url.removesuffix("/v1"), "ANTHROPIC_API_KEY"),
        }
        ledger = KeyLedger(workspace)
        admitter = KeyAdmitter(
            ledger,
            rules=TaskRules(privacy or {}),
            upstreams=access,
            price=price,
            require_key=require_key,
            environment=ENVIRONMENT,
        )
        upstreams = (
            UpstreamSettings(name="openai", kind="openai", base_url=base_url),
            UpstreamSettings(name="gone", kind="openai", base_url=access["gone"].base_url),
            UpstreamSettings(name="keyless", kind="openai", base_url=base_url),
            UpstreamSettings(name="anthropic", kind="anthropic", base_url=base_url.removesuffix("/v1")),
        )
        through = PassThrough(upstreams=upstreams, admission=admitter)
        with Recorder.open(workspace) as recorder:
            settings = GatewaySettings(recorder=recorder, pass_through=through, price=price)
            with GatewayServer(settings) as server:
                yield server
        ledger.close()

    return run


def client(server, key, **options):
    return openai.OpenAI(**{"base_url": server.url, "api_key": key, "max_retries": 0} | options)


def ask(server, key, **more):
    with client(server, key, **more.pop("client", {})) as calls:
        messages = [{"role": "user", "content": "Hello"}]
        return calls.chat.completions.create(model="toy", max_tokens=5, messages=messages, **more)


def recorded(workspace):
    with open_database(workspace / "insource.db") as database:
        return find_calls(database)


def test_the_provider_sees_the_upstream_s_secret_and_nothing_of_the_caller_s(
    gateway, provider, keys, workspace
):
    _, secret = create_key(keys, "team", tasks=("specs",))
    with gateway(require_key=True) as server:
        assert ask(server, secret).choices[0].message.content == '{"voltage":"400 V"}'
        with client(server, secret) as calls:
            calls.chat.completions.create(
                model="toy", messages=[], extra_headers={"x-api-key": CALLER_SECRET, "api-key": CALLER_SECRET}
            )
    for seen in provider.seen:
        assert dict(seen.headers)["authorization"] == f"Bearer {UPSTREAM_SECRET}"
        everything = repr(seen)
        assert "isk-" not in everything
        assert CALLER_SECRET not in everything
    call = recorded(workspace)[0]
    assert (call.task, call.tags) == ("specs", {"key": "team"})


def test_a_google_client_s_key_in_the_query_is_a_key_too(gateway, provider, keys):
    _, secret = create_key(keys, "team")
    body = {"model": "toy", "max_tokens": 5, "messages": []}
    with gateway() as server:
        done = httpx2.post(f"{server.url}/chat/completions?key={secret}&alt=json", json=body)
        assert done.status_code == 200
        assert httpx2.post(f"{server.url}/chat/completions?key=isk-guess", json=body).status_code == 401
    (seen,) = provider.seen
    assert seen.target == "/v1/chat/completions?alt=json"
    assert dict(seen.headers)["authorization"] == f"Bearer {UPSTREAM_SECRET}"


def test_refusals_have_the_provider_s_own_shape(gateway, provider, keys, workspace):
    _, poor = create_key(keys, "poor", budget_usd=CENT / 10)
    with gateway(require_key=True) as server:
        with pytest.raises(openai.AuthenticationError) as refused:
            ask(server, CALLER_SECRET)
        assert refused.value.code == "missing-key"
        with pytest.raises(openai.AuthenticationError) as refused:
            ask(server, "isk-unknown")
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(openai.RateLimitError) as refused:
            ask(server, poor, client={"max_retries": 2})
        assert refused.value.code == refused.value.type == "insufficient_quota"
        base_url = server.url.removesuffix("/v1")
        with anthropic.Anthropic(base_url=base_url, api_key=poor, max_retries=0) as calls:
            with pytest.raises(anthropic.RateLimitError) as refused:
                calls.messages.create(
                    model="toy", max_tokens=5, messages=[{"role": "user", "content": "Hello"}]
                )
            assert refused.value.body["type"] == "error"
            assert refused.value.body["error"]["type"] == "rate_limit_error"
    assert provider.seen == []
    statuses = [call.status for call in recorded(workspace)]
    assert statuses == [401, 401, 429, 429]  # the client did not try the second 429 again


def test_a_rate_of_requests_says_when_to_come_back(gateway, keys):
    _, secret = create_key(keys, "team", requests_per_minute=1)
    with gateway() as server:
        ask(server, secret)
        with pytest.raises(openai.RateLimitError) as refused:
            ask(server, secret)
        assert refused.value.code == "rate_limit_exceeded"
        assert 0 < int(refused.value.response.headers["retry-after"]) <= 60


def test_callers_at_once_are_admitted_no_more_than_the_limits(gateway, provider, keys):
    """Twenty callers a key, through two gateways on one store, and no call ends before all have asked."""
    rich, secret = create_key(keys, "rich", budget_usd=7 * CENT)
    _, quick = create_key(keys, "quick", requests_per_minute=9)
    outcomes = {secret: [], quick: []}
    all_have_asked = threading.Event()

    async def held(request):
        await asyncio.to_thread(all_have_asked.wait, 20)
        return await whole(request)

    def call(server, key):
        try:
            ask(server, key)
            outcomes[key].append("ok")
        except openai.RateLimitError as error:
            outcomes[key].append(error.code)
            if (len(outcomes[secret]), len(outcomes[quick])) == (20 - 7, 20 - 9):
                all_have_asked.set()

    provider.answer = held
    with gateway() as one, gateway() as other:
        callers = [(server, key) for key in outcomes for server in (one, other) for _ in range(10)]
        threads = [threading.Thread(target=call, args=caller) for caller in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes[secret]) == ["insufficient_quota"] * 13 + ["ok"] * 7
    assert sorted(outcomes[quick]) == ["ok"] * 9 + ["rate_limit_exceeded"] * 11
    assert len(provider.seen) == 7 + 9
    assert spend_of(keys, rich) == Spend(spent_usd=7 * CENT / 2, reserved_usd=Decimal(0))


def test_an_upstream_that_fails_is_not_paid_for(gateway, provider, keys):
    key, secret = create_key(keys, "team", budget_usd=2 * CENT)

    async def overloaded(request):
        return web.json_response({"error": {"message": "busy"}}, status=529)

    provider.answer = overloaded
    with gateway() as server:
        for _ in range(5):
            with pytest.raises(openai.APIStatusError):
                ask(server, secret)
        provider.answer = None
        ask(server, secret)
        with pytest.raises(openai.APIStatusError) as refused:
            ask(server, secret, client={"base_url": server.url.replace("/v1", "/u/gone/v1")})
        assert refused.value.code == "upstream-unreachable"
    assert spend_of(keys, key).spent_usd == CENT / 2
    assert spend_of(keys, key).reserved_usd == 0


def test_a_local_only_task_reaches_no_other_machine(gateway, provider, workspace):
    with gateway(privacy={"medical": "local-only"}, elsewhere=True) as server:
        for headers, code in (
            ({"x-insource-task": "medical"}, "local-only"),
            ({"x-insource-task": "medicla"}, "task-required"),
            ({}, "task-required"),
        ):
            with pytest.raises(openai.PermissionDeniedError) as refused:
                ask(server, CALLER_SECRET, extra_headers=headers)
            assert refused.value.code == code
        upload = httpx2.post(f"{server.url}/files", content=b"a patient's record")
        assert upload.status_code == 403
    assert provider.seen == []
    assert "Hello" not in repr(recorded(workspace))


def test_no_secret_is_ever_written_down(gateway, provider, keys, workspace, caplog, capfd):
    """Successes, streams, refusals, failures of the provider and of ours; then every file is searched."""
    caplog.set_level(logging.DEBUG)
    _, secret = create_key(keys, "team")
    _, poor = create_key(keys, "poor", budget_usd=CENT / 10)
    said = []

    def attempt(server, key, **more):
        try:
            answer = ask(server, key, **more)
            said.append(repr(list(answer) if more.get("stream") else answer))
        except openai.APIError as error:
            said.append(f"{error} {getattr(error, 'body', '')} {error.__dict__.get('response')}")

    async def echoes(request):
        key = request.headers["authorization"]
        return web.json_response({"error": {"message": f"Incorrect API key provided: {key}"}}, status=401)

    async def breaks_off(request):
        request.transport.close()
        return web.Response()

    def broken_price(model, usage, at):
        raise RuntimeError("the price table is broken")

    with gateway(price=broken_price) as server:
        attempt(server, secret)
    with gateway() as server:
        for key in (secret, poor, CALLER_SECRET, "isk-" + CALLER_SECRET):
            attempt(server, key)
        provider.answer = stream
        attempt(server, secret, stream=True)
        attempt(server, CALLER_SECRET, stream=True)
        provider.answer = echoes
        attempt(server, secret)
        provider.answer = breaks_off
        attempt(server, secret)
    assert len(said) == 9
    assert any("the key that the gateway has for it" in line for line in said)
    assert "the price table is broken" in caplog.text  # a traceback has been logged
    written = {path.name: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    assert {"insource.db", "keys.db"} <= set(written)
    assert len(recorded(workspace)) == 9
    output = capfd.readouterr()
    for planted in (UPSTREAM_SECRET, CALLER_SECRET, secret, secret[4:], poor[4:]):
        assert [name for name, data in written.items() if planted.encode() in data] == []
        for text in (caplog.text, output.out, output.err, *said):
            assert planted not in text


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", ["chat/completions", "whatever"])
def test_an_error_that_repeats_the_upstream_s_secret_does_not_pass(gateway, provider, keys, path, packed):
    _, secret = create_key(keys, "team")

    async def echoes(request):
        key = request.headers["authorization"]
        answer = web.json_response({"error": {"message": f"No access for {key}"}}, status=403)
        if packed:
            answer.enable_compression(web.ContentCoding.gzip)
        return answer

    provider.answer = echoes
    with gateway() as server:
        told = httpx2.post(
            f"{server.url.replace('/v1', '/u/openai/v1')}/{path}",
            json={"model": "toy", "messages": []},
            headers={"authorization": f"Bearer {secret}"},
        )
        own = httpx2.post(
            f"{server.url}/chat/completions",
            json={"model": "toy", "messages": []},
            headers={"authorization": f"Bearer {CALLER_SECRET}"},
        )
    assert (told.status_code, told.json()["error"]["code"]) == (502, "upstream-key-refused")
    assert UPSTREAM_SECRET not in told.text
    assert own.status_code == 403
    assert CALLER_SECRET in own.text  # the caller's own, in the provider's own words


def test_the_placeholder_for_a_server_without_keys_is_no_secret(gateway, provider, keys):
    _, secret = create_key(keys, "team")

    async def refuses(request):
        return web.json_response({"error": {"message": "unused parameter"}}, status=400)

    provider.answer = refuses
    with gateway() as server:
        url = server.url.replace("/v1", "/u/keyless/v1/chat/completions")
        body = {"model": "toy", "messages": []}
        told = httpx2.post(url, json=body, headers={"authorization": f"Bearer {secret}"})
    assert dict(provider.seen[0].headers)["authorization"] == "Bearer unused"
    assert (told.status_code, told.json()["error"]["message"]) == (400, "unused parameter")


def test_a_caller_that_leaves_while_an_error_comes_leaves_no_connection(gateway, provider, keys):
    _, secret = create_key(keys, "team")

    async def never_ends(request):
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.sleep(30)

    provider.answer = never_ends
    with gateway() as server:
        with pytest.raises(openai.APITimeoutError):
            ask(server, secret, client={"timeout": 0.3})
        assert provider.cancelled.wait(20)


def test_a_key_that_an_error_repeats_is_not_recorded(gateway, provider, keys, workspace):
    """Keys of no form that a rule could know, those of compatible servers."""
    answers = [
        web.json_response(
            {"error": {"message": f"Unknown key {CALLER_SECRET}", "key": CALLER_SECRET}}, status=401
        ),
        web.Response(text=f"no: {CALLER_SECRET}", status=403),
        web.Response(
            body=b'data: {"error":{"message":"%b"}}\n\n' % CALLER_SECRET.encode(),
            content_type="text/event-stream",
        ),
    ]

    async def echoes(request):
        return answers.pop()

    provider.answer = echoes
    with gateway() as server:
        for header in ("authorization", "api-key", "x-goog-api-key"):
            body = {"model": "toy", "messages": [], "stream": len(answers) == 3}
            told = httpx2.post(f"{server.url}/chat/completions", json=body, headers={header: CALLER_SECRET})
            assert CALLER_SECRET in told.text
    calls = recorded(workspace)
    assert [call.outcome for call in calls] == ["error"] * 3
    assert [call.error for call in calls] == [
        "[secret:key]",
        "HTTP 403: no: [secret:key]",
        "Unknown key [secret:key]",
    ]
    for path in workspace.rglob("*"):
        assert path.is_dir() or CALLER_SECRET.encode() not in path.read_bytes(), path


def test_a_stranger_is_turned_away_before_its_body_is_read(gateway, keys, workspace):
    with gateway(require_key=True) as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"authorization: Bearer isk-guess\r\ncontent-length: 1000\r\n\r\n{"
            )
            head = connection.recv(1 << 16).decode()
    assert head.startswith("HTTP/1.1 401 ")
    (call,) = recorded(workspace)
    assert f"x-insource-call-id: {call.call_id}" in head


def test_a_refusal_is_recorded_under_the_name_of_its_key(gateway, keys, workspace):
    _, poor = create_key(keys, "poor", budget_usd=CENT / 10)
    with gateway() as server, pytest.raises(openai.RateLimitError) as refused:
        ask(server, poor)
    (call,) = recorded(workspace)
    assert (call.status, call.tags) == (429, {"key": "poor"})
    assert refused.value.response.headers["x-insource-call-id"] == call.call_id


def test_the_workspace_is_its_owner_s(gateway, keys, workspace):
    _, secret = create_key(keys, "team", requests_per_minute=5)
    with gateway() as server:
        ask(server, secret)
        modes = {path: path.stat().st_mode & 0o777 for path in (workspace, *workspace.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_what_a_call_did_cost_is_what_its_record_says(gateway, keys, workspace):
    key, secret = create_key(keys, "team", budget_usd=CENT * 10)
    with gateway() as server:
        for _ in range(3):
            ask(server, secret)
    assert spend_of(keys, key).spent_usd == sum(call.cost_usd for call in recorded(workspace))
    assert json.dumps(recorded(workspace)[0].tags) == '{"key": "team"}'
