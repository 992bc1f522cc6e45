"""Passing calls through: tags, prefixes, bytes, limits, broken streams, slow clients, leave to call."""

import gzip
import http.client
import json
from decimal import Decimal
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import SecretStr
from support.asking import ANSWER, ASK, CHAT, DONE, GEMINI, KEY, STREAMING, USAGE, event, only, post
from support.upstream_kit import (
    STREAM_HEAD,
    Ended,
    RawUpstream,
    always,
    calls_of,
    passing,
    reply,
    streamed,
)

from insource.gateway.admission.ask import Admission
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.http.refused import Refused

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


class Gate:
    """Gives leave to some, with another key; remembers what it was told."""

    def __init__(self):
        self.asked, self.settled = [], []

    async def recognise(self, headers):
        return ""

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
