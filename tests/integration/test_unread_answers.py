"""A 200 whose body is no answer is no good call: a table over what comes, how it is labelled and who asks.

The gateway and ``wrap`` are asked the same; both records say what was read, and why nothing was.
"""

import gzip
import json
import zlib
from decimal import Decimal

import httpx2
import openai
import pytest
from support.asking import KEY
from support.fake_provider import Answer, fake_provider
from support.upstream_kit import Bench, RawUpstream, always, reply

import insource
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs import process_log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls

CHAT = "/v1/chat/completions"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
DOCUMENT = json.dumps(
    {
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


def event(**fields):
    return b"data: " + json.dumps({"model": "gpt-4o-mini", "choices": []} | fields).encode() + b"\n\n"


def piece(text, finish=None):
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


EVENTS = piece("Hel") + piece("lo", "stop") + event(usage=USAGE) + b"data: [DONE]\n\n"
PAGE = b"<!doctype html><title>Blocked</title><p>Ask your administrator.</p>"
# What the body is, with the outcome and the first words of the error on record
BODIES = {
    "document": (DOCUMENT, "ok", ""),
    "document with a byte order mark": (b"\xef\xbb\xbf" + DOCUMENT, "ok", ""),
    "document after blank lines": (b"\n\n  " + DOCUMENT, "ok", ""),
    "events": (EVENTS, "ok", ""),
    "named events": (b"event: chunk\n" + EVENTS, "ok", ""),
    "events after a comment": (b": wait\n\n" + EVENTS, "ok", ""),
    "gzip": (gzip.compress(DOCUMENT), "ok", ""),
    "gzip of events": (gzip.compress(EVENTS), "ok", ""),
    "page": (PAGE, "unread", "Blocked"),
    "text": (b"upstream connect error", "unread", "upstream connect error"),
    "empty": (b"", "unread", "the answer is empty"),
    "cut document": (DOCUMENT[:60], "unread", "not complete JSON"),
    "another document": (b'{"detail": "Not Found"}', "unread", "not of the expected form"),
    "no answer in it": (b'{"model": "gpt-4o-mini", "choices": []}', "unread", "not of the expected form"),
    "a list": (b"[]", "unread", "not of the expected form"),
    "no event": (b"data: <html>\n\n", "unread", "no event"),
    "cut events": (EVENTS[:30], "unread", "no event"),
    "zlib": (zlib.compress(DOCUMENT), "unread", ""),
    "binary": (b"\x00\x01\x02", "unread", ""),
}
TYPES = ["application/json", "text/event-stream", "text/plain; charset=utf-8", "text/html", ""]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with RawUpstream() as upstream, Recorder.open(tmp_path_factory.mktemp("log")) as recorder:
        first = UpstreamSettings(name="openai", base_url=f"{upstream.root}/v1")
        settings = GatewaySettings(
            recorder=recorder,
            pass_through=PassThrough(upstreams=(first,)),
            price=lambda model, usage, at: Decimal("0.01"),
        )
        with GatewayServer(settings) as server:
            yield Bench(upstream, recorder, server.url.removesuffix("/v1"))


@pytest.fixture
def wrapped(tmp_path):
    yield tmp_path / "log"
    process_log.close_logs()


def asked(streaming):
    return {"model": "gpt-4o-mini", "stream": streaming, "messages": [{"role": "user", "content": "hi"}]}


def by_gateway(bench, answer, kind, streaming, key=KEY):
    bench.answering(always(reply(answer, kind=kind)))
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    with httpx2.Client(trust_env=False, timeout=20) as client:
        came = client.post(bench.root + CHAT, json=asked(streaming), headers=headers)
    assert (came.status_code, came.content) == (200, answer)
    (call,) = bench.new_calls()
    return call


def by_wrap(provider, root, answer, kind, streaming):
    provider.answer = Answer([answer] if answer else [], content_type=kind)
    client = openai.OpenAI(api_key=KEY, base_url=f"{provider.url}/v1", max_retries=0)
    client = insource.wrap(client, root=root)
    with client.chat.completions.with_streaming_response.create(**asked(streaming)) as response:
        response.read()
    client.close()
    with Recorder.open(root) as recorder:
        recorder.flush()
        return find_calls(recorder.database)[-1]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind or "untyped")
@pytest.mark.parametrize("name", BODIES)
def test_the_record_says_what_was_read(bench, name, kind, streaming):
    body, outcome, error = BODIES[name]
    holds(by_gateway(bench, body, kind, streaming), body, outcome, error)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", BODIES)
def test_a_wrapped_client_records_the_same(wrapped, name, streaming):
    body, outcome, error = BODIES[name]
    with fake_provider() as provider:
        for kind in TYPES:
            holds(by_wrap(provider, wrapped, body, kind, streaming), body, outcome, error)


def holds(call, body, outcome, error):
    assert call.outcome == outcome, call.error
    assert error in call.error
    assert bool(call.error) == (outcome != "ok")
    counts = (call.usage.input_tokens, call.usage.output_tokens)
    if outcome == "ok":
        assert (call.response_text, call.finish_reason, counts) == ("Hello", "stop", (5, 2))
        assert call.cost_usd is not None
        return
    assert (counts, call.usage_estimated, call.cost_usd, call.priced_by) == ((None, None), False, None, "")
    assert call.response_text == ""
    if not body or body[:1] in (b"\x00", b"\x78"):  # nothing, or nothing that could be redacted
        assert call.response in (None, {"unread": "", "bytes": len(body)})
    elif call.response is not None and "unread" in call.response:
        assert call.response == {"unread": body.decode(), "bytes": len(body)}
    else:
        assert call.response == json.loads(body)


def test_a_page_is_kept_redacted_and_bounded(bench):
    secret = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT"
    page = b"<p>no key " + secret.encode() + b"</p>" + b"<p>blocked</p>" * 10_000
    call = by_gateway(bench, page, "text/html", False)
    kept = call.response["unread"]
    assert kept.startswith("<p>no key [secret:openai-key]</p><p>blocked</p>")
    assert len(kept) < 66_000
    assert call.response["bytes"] == len(page)
    edge = b" " * (65_536 - len(b"<p>") - 20) + b"<p>" + secret.encode() + b"</p>"
    assert "sk-proj" not in by_gateway(bench, b"x" + edge, "text/html", False).response["unread"]


def test_a_key_that_a_page_repeats_is_not_recorded(bench):
    key = "7d1e5b0a9c3f4e2d8b6a1c0f9e8d7b6a"  # of a form that no rule knows
    call = by_gateway(bench, b"<p>unknown key %s</p>" % key.encode(), "text/html", False, key)
    assert call.outcome == "unread"
    assert key not in call.error + json.dumps(call.response)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-unknown"])
def test_a_plain_answer_that_claims_to_be_compressed_is_read(bench, encoding):
    for body in (DOCUMENT, EVENTS):
        bench.answering(always(reply(body, headers=[("content-encoding", encoding)])))
        headers = {"authorization": f"Bearer {KEY}", "accept-encoding": encoding}
        with (
            httpx2.Client(trust_env=False, timeout=20) as client,
            client.stream("POST", bench.root + CHAT, json=asked(False), headers=headers) as came,
        ):
            assert b"".join(came.iter_raw()) == body
        (call,) = bench.new_calls()
        holds(call, body, "ok", "")
