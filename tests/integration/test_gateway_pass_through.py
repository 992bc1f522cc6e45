"""Passing calls through: tags, prefixes, bytes, limits, broken streams, slow clients, leave to call."""

import asyncio
import gzip
import http.client
import json
import socket
import threading
import time
from decimal import Decimal
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import SecretStr
from upstream_kit import (
    STREAM_HEAD,
    Cut,
    Ended,
    RawUpstream,
    always,
    calls_of,
    chunk,
    passing,
    reply,
    streamed,
)

from insource.gateway.admission import Admission, Refused
from insource.gateway.connections import HIGH_WATER
from insource.gateway.settings import UpstreamSettings
from insource.logs.recorder import Recorder

KEY = "sk-" + "callers0own0key0that0nobody0keeps"
CHAT = "/v1/chat/completions"
ASK = b'{"model":"m" , "messages":[{"role":"user","content":"480 V?"}]}'
STREAMING = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"480 V?"}]}'
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
ANSWER = json.dumps(
    {
        "model": "m-1",
        "choices": [{"index": 0, "message": {"content": "480 V"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


def event(content=None, finish=None, **more):
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m-1", "choices": [choice], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


@pytest.fixture
def upstream():
    with RawUpstream(always(reply(ANSWER))) as running:
        yield running


@pytest.fixture
def recorder(tmp_path):
    with Recorder.open(tmp_path) as opened:
        yield opened


def post(root, body=ASK, path=CHAT, method="POST", **headers):
    fields = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx2.Client(trust_env=False, timeout=20) as client:
        return client.request(method, root + path, content=body, headers=fields)


def only(recorder):
    (call,) = calls_of(recorder)
    return call


def eventually(recorder, count=1):
    for _ in range(300):
        if len(calls := calls_of(recorder)) >= count:
            return calls
        time.sleep(0.02)
    raise AssertionError("nothing was recorded")


# What a call is for


def test_tags_in_headers_are_recorded_and_stay_here(upstream, recorder):
    tags = {"task": "specs", "prompt_version": "7", "feature": "search", "user": "u-1"}
    with passing(recorder, upstream) as root:
        answer = post(root, **{f"x_insource_{name}": value for name, value in tags.items()})
    call = only(recorder)
    assert {name: getattr(call, name) for name in tags} == tags
    assert answer.headers["x-insource-call-id"] == call.call_id
    assert not [name for name, _ in upstream.seen[0].headers if name.startswith("x-insource")]
    assert dict(upstream.seen[0].headers)["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_tags_may_be_in_any_language(upstream, recorder, encoding):
    with passing(recorder, upstream) as root:
        post(root, x_insource_task="größe".encode(encoding), x_insource_user="Müller".encode(encoding))
    assert (only(recorder).task, only(recorder).user) == ("größe", "Müller")


def test_tags_in_metadata_are_cut_out_and_nothing_else_moves(upstream, recorder):
    body = (
        b'{"model":"m","metadata" : {"insource_task":"specs", "mine":"1" ,"insource_user":"u-1"},'
        b'"messages":[ ],"zz":1.10}'
    )
    with passing(recorder, upstream) as root:
        post(root, body)
    assert upstream.seen[0].body == b'{"model":"m","metadata" : {"mine":"1" },"messages":[ ],"zz":1.10}'
    call = only(recorder)
    assert (call.task, call.user) == ("specs", "u-1")


def test_metadata_that_held_only_our_tags_is_not_sent(upstream, recorder):
    with passing(recorder, upstream) as root:
        post(root, b'{"model":"m","metadata":{"insource_feature":"f"},"messages":[]}')
    assert upstream.seen[0].body == b'{"model":"m","messages":[]}'
    assert only(recorder).feature == "f"


@pytest.mark.parametrize(
    "path",
    ["/t/specs/v1/chat/completions", "/u/other/t/specs/v1/chat/completions", "/t/specs/u/other" + CHAT],
)
def test_a_path_names_the_task_and_the_upstream(upstream, recorder, path):
    with RawUpstream(always(reply(ANSWER))) as second:
        other = UpstreamSettings(name="other", base_url=f"{second.root}/api/v1")
        with passing(recorder, upstream, upstreams=[other]) as root:
            post(root, path=path, x_insource_task="loses")
    call = only(recorder)
    assert call.task == "specs"
    if "other" in path:
        assert (second.seen[0].target, call.provider) == ("/api/v1/chat/completions", "other")
        assert upstream.seen == []
    else:
        assert (upstream.seen[0].target, call.provider) == (CHAT, "openai")


AZURE = "/openai/deployments/my-gpt/chat/completions"
GEMINI = "/v1beta/models/gemini-3-flash:generateContent"


@pytest.mark.parametrize(
    ("kind", "path", "query", "endpoint", "model"),
    [
        ("azure", AZURE, "?api-version=2024-10-21", "chat", "my-gpt"),
        ("azure", "/openai/v1/responses", "", "responses", ""),
        ("gemini", GEMINI, "?key=k", "generate_content", "gemini-3-flash"),
        (
            "gemini",
            GEMINI.replace("generate", "streamGenerate"),
            "?alt=sse",
            "generate_content",
            "gemini-3-flash",
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/u/mine"])
def test_azure_and_gemini_are_found_by_path_and_by_name(
    upstream, recorder, prefix, kind, path, query, endpoint, model
):
    mine = UpstreamSettings(name="mine", kind=kind, base_url=upstream.root)
    with passing(recorder, upstream, upstreams=[mine]) as root:
        answer = post(root, b'{"input":[],"contents":[]}', prefix + path + query)
    assert answer.content == ANSWER
    assert upstream.seen[0].target == path + query
    call = only(recorder)
    assert (call.endpoint, call.model_asked, call.provider) == (endpoint, model, "mine")
    assert call.streamed == ("stream" in path)


# Where calls may go


@pytest.mark.parametrize(
    "path",
    [
        "/u/elsewhere.invalid/v1/chat/completions",
        "/u/openai/../../admin",
        "/u/openai/%2e%2e/admin",
        "/v1/files/..%2f..%2fadmin",
        "/v1/nothing",
        "/admin",
        "/",
    ],
)
def test_nobody_is_forwarded_to_where_the_configuration_does_not_say(upstream, recorder, path):
    with passing(recorder, upstream) as root:
        address = urlsplit(root)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.putrequest("POST", path, skip_host=True)
        connection.putheader("host", "elsewhere.invalid")
        connection.putheader("content-length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
    assert (answer.status, body["error"]["code"]) == (404, "unknown-route")
    assert upstream.seen == []
    assert (only(recorder).status, only(recorder).outcome) == (404, "error")


def test_the_head_alone_is_not_asked_for(upstream, recorder):
    """An answer to HEAD names a length and has no body; who waits for one waits for ever."""
    with passing(recorder, upstream) as root:
        answer = post(root, b"", "/v1/models", "HEAD")
        alive = post(root, b"", "/health", "HEAD")  # how monitors look
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, PUT, PATCH, DELETE")
    assert (alive.status_code, alive.content) == (200, b"")


def test_the_host_that_a_request_names_means_nothing(upstream, recorder):
    """The absolute form is how a proxy is asked for another host (RFC 9112, section 3.2.2)."""
    with passing(recorder, upstream) as root:
        address = urlsplit(root)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        headers = {"host": "elsewhere.invalid", "content-type": "application/json"}
        connection.request("POST", f"http://elsewhere.invalid{CHAT}", ASK, headers)
        assert connection.getresponse().read() == ANSWER
        connection.close()
    assert dict(upstream.seen[0].headers)["host"] == f"127.0.0.1:{upstream.port}"
    assert upstream.seen[0].target == CHAT


# Bytes


def test_headers_of_a_connection_end_here_and_others_do_not(upstream, recorder):
    sent = reply(
        ANSWER,
        headers=[
            ("x-dup", "1"),
            ("x-dup", "2"),
            ("x-insource-route", "spoofed"),
            ("keep-alive", "timeout=9"),
        ],
    )
    upstream.answer = always(sent)
    with passing(recorder, upstream) as root:
        answer = post(
            root, te="trailers", connection="keep-alive, x-mine", x_mine="1", x_other="2", expect=""
        )
    asked = dict(upstream.seen[0].headers)
    assert "te" not in asked
    assert "x-mine" not in asked
    assert (asked["x-other"], asked["host"]) == ("2", f"127.0.0.1:{upstream.port}")
    assert answer.headers.get_list("x-dup") == ["1", "2"]
    assert not {"keep-alive", "x-insource-route"} & set(answer.headers)


def test_a_compressed_stream_passes_as_it_is_and_is_read(upstream, recorder):
    packed = gzip.compress(event("480 V") + event(finish="stop", usage=USAGE) + DONE)
    upstream.answer = streamed([packed[:20], packed[20:]], STREAM_HEAD + b"content-encoding: gzip\r\n")
    with (
        passing(recorder, upstream) as root,
        httpx2.Client(trust_env=False) as client,
        client.stream(
            "POST", root + CHAT, content=STREAMING, headers={"content-type": "application/json"}
        ) as answer,
    ):
        assert b"".join(answer.iter_raw()) == packed
    assert (only(recorder).response_text, only(recorder).usage.output_tokens) == ("480 V", 2)


def test_a_compressed_request_passes_and_its_record_says_so(upstream, recorder):
    packed = gzip.compress(ASK)
    with passing(recorder, upstream) as root:
        assert post(root, packed, content_encoding="gzip").content == ANSWER
    assert upstream.seen[0].body == packed
    assert only(recorder).request == {"path": CHAT, "bytes": len(packed), "content_encoding": "gzip"}


def test_an_answer_without_a_length_ends_with_its_connection(upstream, recorder):
    async def answer(asked):
        yield b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + ANSWER[:30]
        yield ANSWER[30:]
        raise Ended

    upstream.answer = answer
    with passing(recorder, upstream) as root:
        assert [post(root).content for _ in range(2)] == [ANSWER, ANSWER]
    assert upstream.connections == 2


def test_connections_to_the_provider_are_kept(upstream, recorder):
    with passing(recorder, upstream) as root:
        for _ in range(5):
            post(root)
    assert upstream.connections == 1


def test_a_file_is_passed_on_as_it_comes_and_is_no_call(upstream, recorder):
    size = 3 << 20
    upstream.answer = always(reply(b'{"id":"file-1"}'))
    with passing(recorder, upstream, settings={"max_body_bytes": 1000, "max_upload_bytes": size}) as root:
        fits = post(root, b"x" * size, "/v1/files", content_type="application/octet-stream")
        chunked = httpx2.post(f"{root}/v1/files", content=iter([b"a" * 10, b"b"]), trust_env=False)
        beyond = post(root, b"x" * (size + 1), "/v1/files", content_type="application/octet-stream")
    assert (fits.status_code, chunked.status_code, beyond.status_code) == (200, 200, 413)
    assert [asked.body for asked in upstream.seen] == [b"x" * size, b"a" * 10 + b"b"]
    assert [call.status for call in calls_of(recorder)] == [413]


# Streams


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
        (b"{", {}, 400, "invalid-request"),
        (b"[]", {}, 400, "invalid-request"),
        (b'{"a":' + b"[" * 100_000, {}, 400, "invalid-request"),
        (ASK, {"content_type": "text/plain"}, 415, "unsupported-content-type"),
        (b" " * 200_001, {}, 413, "request-too-large"),
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


class Gate:
    """Gives leave to some, with another key; remembers what it was told."""

    def __init__(self):
        self.asked, self.settled = [], []

    async def recognise(self, headers):
        pass

    async def admit(self, asked):
        self.asked.append(asked)
        if asked.tags.user == "nobody":
            raise Refused(429, "insufficient_quota", "The budget is spent.", [(b"retry-after", b"20")])
        return Admission(
            upstream_key=SecretStr("sk-upstreams-own"),
            task="bound",
            key_name="team-a",
            local_only=asked.tags.user == "secretive",
            settle=self._settle,
        )

    async def _settle(self, cost_usd):
        self.settled.append(cost_usd)


@pytest.mark.parametrize(
    ("kind", "path", "header", "value"),
    [
        ("openai", CHAT, "authorization", "Bearer sk-upstreams-own"),
        ("anthropic", "/v1/messages", "x-api-key", "sk-upstreams-own"),
        ("gemini", GEMINI + "?key=callers&alt=sse", "x-goog-api-key", "sk-upstreams-own"),
        ("azure", AZURE, "api-key", "sk-upstreams-own"),
    ],
)
def test_leave_replaces_the_callers_key_and_fixes_the_task(upstream, recorder, kind, path, header, value):
    gate = Gate()
    with passing(recorder, upstream, kind=kind, settings={"admission": gate}) as root:
        post(root, path=path, x_insource_task="mine", x_api_key=KEY, api_key=KEY, x_goog_api_key=KEY)
    (asked,) = upstream.seen
    keys = {"authorization", "x-api-key", "api-key", "x-goog-api-key"}
    assert [one for one in asked.headers if one[0] in keys] == [(header, value)]
    assert "callers" not in asked.target
    assert len(gate.settled) == 1
    assert gate.asked[0].upstream == kind
    assert (only(recorder).task, only(recorder).tags) == ("bound", {"key": "team-a"})


def test_without_leave_no_byte_goes_out(upstream, recorder):
    gate = Gate()
    with passing(recorder, upstream, settings={"admission": gate}) as root:
        spent = post(root, x_insource_user="nobody")
        models = post(root, b"", "/v1/models", "GET", x_insource_user="nobody")
        kept_here = post(root, x_insource_user="secretive")
    assert (spent.status_code, spent.headers["retry-after"]) == (429, "20")
    assert spent.json()["error"] | {"message": ""} == {
        "message": "",
        "type": "insufficient_quota",
        "param": None,
        "code": "insufficient_quota",
    }
    assert models.status_code == 429
    assert kept_here.status_code == 200  # this upstream is this machine
    assert [call.status for call in calls_of(recorder)] == [429, 429, 200]
    assert len(upstream.seen) == 1


def test_a_local_only_call_does_not_leave_this_machine(upstream, recorder):
    far = UpstreamSettings(name="far", base_url="https://cloud.invalid/v1")
    with passing(recorder, upstream, upstreams=[far], settings={"admission": Gate()}) as root:
        answer = post(root, path=f"/u/far{CHAT}", x_insource_user="secretive")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "local-only")


def test_every_call_is_settled_once_with_its_cost(upstream, recorder, tmp_path):
    from insource.gateway.server import GatewayServer
    from insource.gateway.settings import GatewaySettings, PassThrough

    gate = Gate()
    through = PassThrough(
        upstreams=(UpstreamSettings(name="openai", base_url=f"{upstream.root}/v1"),), admission=gate
    )
    settings = GatewaySettings(
        recorder=recorder,
        pass_through=through,
        price=lambda m, u, at: Decimal(u.output_tokens),
        priced_by="t 1",
    )
    with GatewayServer(settings) as server:
        root = server.url.removesuffix("/v1")
        post(root)
        upstream.answer = streamed([event("480 V"), event(finish="stop", usage=USAGE), DONE])
        post(root, STREAMING)
        upstream.answer = always(reply(b'{"error":{"message":"no"}}', 400))
        post(root)
    assert gate.settled == [Decimal(2), Decimal(2), Decimal(0)]
    assert [call.cost_usd for call in calls_of(recorder)] == [Decimal(2), Decimal(2), None]
    assert [call.priced_by for call in calls_of(recorder)] == ["t 1", "t 1", ""]


def test_the_callers_key_is_nowhere_on_disk(upstream, recorder, tmp_path):
    with passing(recorder, upstream) as root:
        post(root, path=f"/u/openai{CHAT}?key={KEY}", api_key=KEY, x_api_key=KEY)
        post(root, b"{", x_api_key=KEY)
    recorder.flush()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert b"480 V?" in written
