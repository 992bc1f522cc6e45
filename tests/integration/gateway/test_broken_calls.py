"""Calls that go wrong on the way: slow clients, broken streams, missing counts, repetition, bad input."""

import asyncio
import gzip
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx2
import pytest
from support.asking import (
    ANSWER,
    CHAT,
    DONE,
    GEMINI,
    KEY,
    STREAMING,
    USAGE,
    event,
    eventually,
    only,
    post,
)
from support.upstream_kit import (
    STREAM_HEAD,
    Cut,
    RawUpstream,
    always,
    calls_of,
    chunk,
    passing,
    reply,
    streamed,
)

from insource.gateway.http.connections import HIGH_WATER


def test_every_chunk_is_out_before_the_next_one_comes(upstream, recorder):
    ask_for_more = [threading.Event() for _ in range(3)]

    async def answer(asked):
        yield STREAM_HEAD + b"\r\n"
        for number, wanted in enumerate(ask_for_more):
            yield chunk(event(f"piece {number}"))
            await asyncio.to_thread(wanted.wait, 10)
        yield chunk(event(finish="stop") + DONE) + b"0\r\n\r\n"

    upstream.answer = answer
    kind = {"content-type": "application/json"}
    with (
        passing(recorder, upstream) as root,
        httpx2.Client(trust_env=False, timeout=10) as client,
        client.stream("POST", root + CHAT, content=STREAMING, headers=kind) as stream,
    ):
        pieces = stream.iter_raw()
        for number, wanted in enumerate(ask_for_more):
            assert f"piece {number}".encode() in next(pieces)  # the provider waits until we have it
            wanted.set()
        assert b"".join(pieces).endswith(DONE)
    call = only(recorder)
    assert call.response_text == "piece 0piece 1piece 2"
    assert 0 < call.first_token_s <= call.latency_s


def test_a_slow_client_slows_the_provider_instead_of_filling_memory(upstream, recorder):
    piece = chunk(event("x" * 10_000))
    total = 64 << 20

    async def endless(asked):
        yield STREAM_HEAD + b"\r\n"
        for _ in range(total // len(piece)):
            yield piece

    upstream.answer = endless
    with passing(recorder, upstream) as root:
        address = urlsplit(root)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.connect((address.hostname, address.port))
            head = f"POST {CHAT} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"
            client.sendall(head.encode() + b"content-length: %d\r\n\r\n" % len(STREAMING) + STREAMING)
            client.recv(100)
            before, settled = -1, 0
            while settled < 5:  # until the provider has been standing still for half a second
                settled = settled + 1 if upstream.sent == before else 0
                before = upstream.sent
                time.sleep(0.1)
        stood_at = before
        assert upstream.gone.wait(10)  # the client is gone now, and the provider is told
        (call,) = eventually(recorder)
    # Our bound, and what the kernel's own buffers on both connections hold (net.ipv4.tcp_wmem, tcp_rmem).
    assert stood_at < HIGH_WATER + (24 << 20)
    assert stood_at < total / 2
    assert (call.outcome, call.error) == ("interrupted", "the client hung up")
    assert call.response_text.startswith("xxx")
    assert call.usage_estimated


@pytest.mark.parametrize(
    ("kind", "path", "first"),
    [
        ("openai", CHAT, event("480")),
        ("anthropic", "/v1/messages", b'event: ping\ndata: {"type":"ping"}\n\n'),
    ],
)
def test_a_stream_that_is_cut_ends_in_the_providers_own_kind_of_error(upstream, recorder, kind, path, first):
    async def cut(asked):
        yield STREAM_HEAD + b"\r\n" + chunk(first)
        raise Cut

    upstream.answer = cut
    with passing(recorder, upstream, kind=kind) as root:
        came = post(root, STREAMING, path)
    told = came.content.removeprefix(first)
    assert told.startswith(b"event: error\ndata: " if kind == "anthropic" else b"data: ")
    assert json.loads(told.partition(b"data: ")[2])["error"]
    call = only(recorder)
    assert (call.outcome, call.status) == ("interrupted", 200)
    assert call.response_text == ("480" if kind == "openai" else "")


def test_a_document_that_is_cut_is_no_whole_answer(upstream, recorder):
    whole = reply(ANSWER + b" " * 500_000)

    async def cut(asked):
        yield whole[:-10]
        raise Cut

    upstream.answer = cut
    with passing(recorder, upstream) as root, pytest.raises(httpx2.HTTPError):
        post(root)
    assert only(recorder).outcome == "interrupted"


def test_a_key_in_a_page_that_is_cut_is_not_recorded(upstream, recorder):
    key = "7d1e5b0a9c3f4e2d8b6a1c0f9e8d7b6a"  # of a form that no rule knows
    page = reply(b"<p>unknown key %s</p>" % key.encode() + b" " * 500_000, kind="text/html")

    async def cut(asked):
        yield page[:-10]
        raise Cut

    upstream.answer = cut
    with passing(recorder, upstream) as root, pytest.raises(httpx2.HTTPError):
        post(root, authorization=f"Bearer {key}")
    call = only(recorder)
    assert call.outcome == "interrupted"
    assert call.response["unread"].startswith("<p>unknown key")
    assert key not in json.dumps(call.response)


def test_a_stream_without_counts_is_estimated_and_says_so(upstream, recorder):
    upstream.answer = streamed([event("x" * 40), event(finish="stop"), DONE])
    with passing(recorder, upstream) as root:
        post(root, STREAMING)
    call = only(recorder)
    assert (call.usage_estimated, call.usage.output_tokens) == (True, 10)
    assert call.usage.input_tokens > 0


def test_counts_that_are_injected_stay_here(upstream, recorder):
    counted = b"data: " + json.dumps({"model": "m-1", "choices": [], "usage": USAGE}).encode() + b"\n\n"
    parts = [event("480 V", usage=None), event(finish="stop", usage=None), counted, DONE]
    data = b"".join(parts)
    upstream.answer = streamed([data[at : at + 29] for at in range(0, len(data), 29)])
    with passing(recorder, upstream, settings={"stream_usage": "inject"}) as root:
        passed = post(root, STREAMING)
        asked_for = post(root, STREAMING[:-1] + b',"stream_options":{"include_usage":true}}')
    assert passed.content == data.replace(counted, b"")
    assert asked_for.content == data
    assert json.loads(upstream.seen[0].body)["stream_options"] == {"include_usage": True}
    assert [(call.usage.output_tokens, call.usage_estimated) for call in calls_of(recorder)] == [
        (2, False)
    ] * 2


# Failures and retries


def test_counts_that_are_injected_stay_here_however_the_stream_is_labelled(upstream, recorder):
    counted = b'data: {"model":"m-1","choices":[],"usage":%s}\n\n' % json.dumps(USAGE).encode()
    upstream.answer = always(reply(event("480 V", "stop") + counted + DONE, kind="text/plain"))
    with passing(recorder, upstream, settings={"stream_usage": "inject"}) as root:
        answer = post(root, STREAMING)
    assert answer.content == event("480 V", "stop") + DONE
    assert "include_usage" in upstream.seen[0].body.decode()
    call = only(recorder)
    assert (call.response_text, call.usage.output_tokens, call.usage_estimated) == ("480 V", 2, False)


def test_an_injected_stream_of_another_type_is_not_held_up(upstream, recorder):
    """Neither the head nor blank lines that keep the connection alive wait for the first event."""
    goes_on = threading.Event()
    counted = b'data: {"model":"m-1","choices":[],"usage":%s}\n\n' % json.dumps(USAGE).encode()

    async def slow(asked):
        yield STREAM_HEAD.replace(b"text/event-stream", b"text/plain") + b"\r\n"
        await asyncio.to_thread(goes_on.wait, 20)
        goes_on.clear()
        yield chunk(b"\xef\xbb\xbf\n")
        await asyncio.to_thread(goes_on.wait, 20)
        for piece in (b"da", b"ta: " + event("480 V", "stop")[6:] + counted[:5], counted[5:] + DONE):
            yield chunk(piece)
        yield b"0\r\n\r\n"

    upstream.answer = slow
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with (
        passing(recorder, upstream, settings={"stream_usage": "inject"}) as root,
        httpx2.Client(trust_env=False, timeout=10) as client,
        client.stream("POST", root + CHAT, content=STREAMING, headers=headers) as answer,
    ):
        pieces = answer.iter_raw()
        goes_on.set()
        first = next(pieces)
        goes_on.set()
        assert first == b"\xef\xbb\xbf\n"
        assert b"".join(pieces) == event("480 V", "stop") + DONE
    call = only(recorder)
    assert (call.response_text, call.usage.output_tokens, call.usage_estimated) == ("480 V", 2, False)


def test_an_injected_call_that_is_answered_otherwise_gets_the_answers_own_bytes(upstream, recorder):
    packed = gzip.compress(event("480 V", "stop") + DONE)
    for body, kind, headers in (
        (ANSWER, "application/json", []),
        (b"<p>blocked</p>", "text/html", []),
        (b"dat", "text/plain", []),
        (packed, "text/event-stream", [("content-encoding", "gzip")]),
        (packed, "text/plain", [("content-encoding", "gzip")]),
    ):
        upstream.answer = always(reply(body, kind=kind, headers=headers))
        with (
            passing(recorder, upstream, settings={"stream_usage": "inject"}) as root,
            httpx2.Client(trust_env=False, timeout=10) as client,
            client.stream("POST", root + CHAT, content=STREAMING, headers={"authorization": KEY}) as answer,
        ):
            assert b"".join(answer.iter_raw()) == body


def test_a_call_is_never_repeated_unless_that_is_safe(upstream, recorder):
    upstream.answer = always(reply(b'{"error":{"message":"busy"}}', 503, headers=[("retry-after-ms", "1")]))
    with passing(recorder, upstream, retries=2) as root:
        unsafe = post(root)
        asked = len(upstream.seen)
        safe = post(root, idempotency_key="k")
        got = post(root, b"", "/v1/models", "GET")
    assert (asked, len(upstream.seen)) == (1, 7)
    assert "x-should-retry" not in unsafe.headers
    assert safe.headers["x-should-retry"] == got.headers["x-should-retry"] == "false"


def test_without_retries_nothing_is_repeated(upstream, recorder):
    upstream.answer = always(reply(b"{}", 503))
    with passing(recorder, upstream) as root:
        post(root, idempotency_key="k")
        post(root, b"", "/v1/models", "GET")
    assert len(upstream.seen) == 2


@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_a_provider_that_is_silent_or_gone_is_an_error_of_its_shape(recorder, kind):
    path = {"openai": CHAT, "anthropic": "/v1/messages", "gemini": GEMINI}[kind]
    quiet = threading.Event()

    async def silent(asked):
        await asyncio.to_thread(quiet.wait, 10)
        yield b""

    with RawUpstream(silent) as upstream, passing(recorder, upstream, kind=kind, timeout_s=0.2) as root:
        late = post(root, path=path)
        quiet.set()
    with RawUpstream() as upstream:
        port = upstream.port
    upstream.port = port
    with passing(recorder, upstream, kind=kind) as root:
        gone = post(root, path=path)
    assert (late.status_code, gone.status_code) == (504, 502)
    for answer, code in ((late, "upstream-timeout"), (gone, "upstream-unreachable")):
        error = answer.json()["error"]
        assert code in (error.get("code"), error["message"].rpartition("(")[2].rstrip(")"))
        assert KEY not in answer.text
    assert ("type" in late.json()) == (kind == "anthropic")
    assert sorted(call.status for call in calls_of(recorder)) == [502, 504]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b" " * 200_001, {}, 413, "request-too-large"),
        (b'{"metadata": {"insource_task": "specs"}', {}, 400, "invalid-request"),  # our tag cannot be removed
    ],
)
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_bad_input_is_an_error_of_the_providers_shape_and_on_record(
    upstream, recorder, kind, body, headers, status, code
):
    path = CHAT if kind == "openai" else "/v1/messages"
    with passing(recorder, upstream, kind=kind, settings={"max_body_bytes": 200_000}) as root:
        answer = post(root, body, path, **headers)
    assert answer.status_code == status
    error = answer.json()["error"]
    if kind == "openai":
        assert (set(error), error["code"]) == ({"message", "type", "param", "code"}, code)
    else:
        assert (answer.json()["type"], set(error)) == ("error", {"type", "message"})
        assert code in error["message"]
    assert upstream.seen == []
    call = only(recorder)
    assert (call.outcome, call.status, call.request["refused"]) == ("error", status, code)


# Leave to call
