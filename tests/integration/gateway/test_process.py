"""``insource gateway`` as a process of its own: started without a project, reloaded, told to stop."""

import asyncio
import signal
import threading
import time
from contextlib import contextmanager

import httpx2
import pytest
from support.asking import ANSWER
from support.gateway_process import WAIT_S, configure, recorded, running
from support.upstream_kit import STREAM_HEAD, RawUpstream, always, chunk, reply

CHAT = "/v1/chat/completions"
ASK = b'{"model":"m","messages":[]}'
STREAMING = b'{"model":"m","stream":true,"messages":[]}'
JSON = {"content-type": "application/json"}
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@pytest.fixture
def slow():
    """A provider whose stream ends when it is told to."""
    finish = threading.Event()

    async def answer(asked):
        yield STREAM_HEAD + b"\r\n" + chunk(b": begun\n\n")
        await asyncio.to_thread(finish.wait, WAIT_S)
        yield chunk(LAST) + b"0\r\n\r\n"

    with RawUpstream(answer) as upstream:
        upstream.finish = finish
        yield upstream
        finish.set()  # nobody may be left who waits for it


@contextmanager
def streaming(root):
    """A stream under way, its first piece read; the rest is ``pieces``."""
    with (
        httpx2.Client(trust_env=False, timeout=WAIT_S) as client,
        client.stream("POST", root + CHAT, content=STREAMING, headers=JSON) as answer,
    ):
        pieces = answer.iter_raw()
        assert next(pieces) == b": begun\n\n"
        yield pieces


def ask(root):
    return httpx2.post(root + CHAT, content=ASK, headers=JSON, trust_env=False, timeout=WAIT_S)


def until_nothing_new_is_taken(root):
    for _ in range(WAIT_S * 20):
        try:
            httpx2.get(f"{root}/health", trust_env=False, timeout=WAIT_S)
        except httpx2.HTTPError:
            return
        time.sleep(0.05)
    raise AssertionError("the gateway goes on")


def test_it_starts_without_a_project_and_a_stream_is_finished_before_it_stops(tmp_path, slow, monkeypatch):
    monkeypatch.setenv("INSOURCE_UPSTREAMS__OPENAI", f'{{"base_url": "{slow.root}/v1"}}')
    with running(tmp_path) as gateway, streaming(gateway.root) as pieces:
        gateway.send(signal.SIGTERM)
        assert gateway.said("Finishing ").startswith("Finishing 1 request under way")
        until_nothing_new_is_taken(gateway.root)
        slow.finish.set()
        assert b"".join(pieces) == LAST
        assert gateway.ended() == 0
    (call,) = recorded(tmp_path)
    assert (call.outcome, call.finish_reason) == ("ok", "stop")


def test_a_second_ctrl_c_ends_at_once_and_says_nothing_of_a_defect(tmp_path, slow):
    configure(tmp_path, slow)
    with running(tmp_path) as gateway, streaming(gateway.root) as pieces:
        gateway.send(signal.SIGINT)
        gateway.said("Finishing ")
        gateway.send(signal.SIGINT)
        with pytest.raises(httpx2.RemoteProtocolError):
            b"".join(pieces)
        assert gateway.ended() == 0
        assert gateway.rest() == []
    (call,) = recorded(tmp_path)
    assert (call.outcome, call.error) == ("interrupted", "the gateway was stopped")


def test_a_reload_holds_for_new_calls_and_drops_none(tmp_path, slow):
    configure(tmp_path, slow)
    with RawUpstream(always(reply(ANSWER))) as second, running(tmp_path) as gateway:
        with streaming(gateway.root) as pieces:
            configure(tmp_path, second)
            gateway.send(signal.SIGHUP)
            gateway.said("Read the configuration again")
            assert ask(gateway.root).content == ANSWER
            slow.finish.set()
            assert b"".join(pieces) == LAST
        configure(tmp_path, second, '[log]\nredact = ["secrets", "personal"]\n[gateway]\nport = 1\n')
        gateway.send(signal.SIGHUP)
        assert gateway.said("Changes of ").startswith(
            "Changes of log, gateway.port apply only after a restart"
        )
        configure(tmp_path, slow, "retries = -1\n")
        gateway.send(signal.SIGHUP)
        gateway.said("error:")
        assert ask(gateway.root).content == ANSWER
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    assert [call.outcome for call in recorded(tmp_path)] == ["ok"] * 3


def test_health_of_the_running_command(tmp_path, slow):
    configure(tmp_path, slow)
    with running(tmp_path) as gateway:
        with streaming(gateway.root) as pieces:
            health = httpx2.get(f"{gateway.root}/health", trust_env=False, timeout=WAIT_S)
            assert health.status_code == 200
            assert health.json() == {
                "status": "ok",
                "upstreams": {
                    "openai": {"kind": "openai", "under_way": 1},
                    "anthropic": {"kind": "anthropic", "under_way": 0},
                },
                "log": {"lost": 0, "damaged": 0, "drain_failures": 0},
            }
            slow.finish.set()
            assert b"".join(pieces) == LAST
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0


@pytest.mark.parametrize(("retries", "asked"), [("", [1, 1]), ("retries = 2\n", [1, 3])])
def test_only_what_is_configured_and_safe_is_repeated(tmp_path, retries, asked):
    """A busy provider, asked once without and once with an idempotency key."""
    busy = reply(b'{"error":{"message":"busy"}}', 503, headers=[("retry-after-ms", "1")])
    with RawUpstream(always(busy)) as upstream:
        configure(tmp_path, upstream, retries)
        with running(tmp_path) as gateway:
            answers = [
                httpx2.post(
                    gateway.root + CHAT, content=ASK, headers=headers, trust_env=False, timeout=WAIT_S
                )
                for headers in (JSON, JSON | {"idempotency-key": "once"})
            ]
            gateway.send(signal.SIGTERM)
            assert gateway.ended() == 0
    counts = [
        sum(("idempotency-key" in dict(one.headers)) is safe for one in upstream.seen)
        for safe in (False, True)
    ]
    assert counts == asked
    assert [answer.status_code for answer in answers] == [503, 503]
    assert [call.status for call in recorded(tmp_path)] == [503, 503]


def test_a_silent_provider_is_given_up_after_the_configured_time_and_not_asked_again(tmp_path):
    async def silent(asked):
        await asyncio.sleep(WAIT_S)
        yield b""

    with RawUpstream(silent) as upstream:
        configure(tmp_path, upstream, "timeout_s = 0.5\nretries = 2\n")
        with running(tmp_path) as gateway:
            answer = ask(gateway.root)
            gateway.send(signal.SIGTERM)
            assert gateway.ended() == 0
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream-timeout")
    assert len(upstream.seen) == 1  # it may have begun to work on it
    (call,) = recorded(tmp_path)
    assert (call.outcome, call.status) == ("error", 504)
    assert "nothing came for 0.5 s" in call.error
