"""A request that the gateway cannot read goes out as it came; the record has what could be read of it."""

import json

import pytest
from support.asking import KEY
from support.upstream_kit import Bench, always, reply

from insource.logs.recorder import STORE_FILE

PATHS = {
    "openai": ("/v1/chat/completions", "/v1/responses", "/v1/embeddings"),
    "anthropic": ("/v1/messages",),
    "gemini": ("/v1beta/models/gemini-3-flash:generateContent",),
}
REFUSED = json.dumps({"error": {"message": "We could not parse the JSON body."}}).encode()


@pytest.fixture(scope="module", params=sorted(PATHS))
def bench(request, tmp_path_factory):
    with Bench.open(tmp_path_factory.mktemp("log"), kind=request.param) as opened:
        opened.kind = request.param
        yield opened


def post(bench, path, body, **headers):
    import httpx2

    fields = {"content-type": "application/json", "authorization": f"Bearer {KEY}"} | headers
    with httpx2.Client(trust_env=False, timeout=20) as client:
        return client.post(bench.root + path, content=body, headers=fields)


@pytest.mark.parametrize(
    ("body", "headers", "recorded"),
    [
        (rb'{"model":"m","input":"cut \ud83d here"}', {}, {"model": "m", "input": "cut ? here"}),
        (b'{"model":"m","top_p":NaN,"n":-Infinity}', {}, {"model": "m", "top_p": "NaN", "n": "-Infinity"}),
        (b'{"model":"m","input":"caf\xe9"}', {}, {"model": "m", "input": "caf\ufffd"}),
        (b'{"model":"m"}', {"content-type": "text/plain"}, {"model": "m"}),
        (b'{"model":"m","input":"ha', {}, {"unread": '{"model":"m","input":"ha', "bytes": 24}),
        (b"[1]", {}, {"unread": "[1]", "bytes": 3}),
        (
            b"model=m",
            {"content-type": "application/x-www-form-urlencoded"},
            {"unread": "model=m", "bytes": 7},
        ),
        (b'{"a":' + b"[" * 100_000, {}, {"bytes": 100_005}),
        (b"\x00\x01", {}, {"unread": "", "bytes": 2}),
        (b"", {}, {"unread": "", "bytes": 0}),
    ],
    ids=["half", "numbers", "latin-1", "type", "cut", "list", "form", "deep", "binary", "empty"],
)
def test_the_provider_decides(bench, body, headers, recorded):
    for path in PATHS[bench.kind]:
        upstream = bench.answering(always(reply(REFUSED, 400)))
        answer = post(bench, path, body, **headers)
        assert (answer.status_code, answer.content) == (400, REFUSED)
        assert [asked.body for asked in upstream.seen] == [body]
        (call,) = bench.new_calls()
        assert (call.outcome, call.error) == ("error", "We could not parse the JSON body.")
        assert call.request | recorded == call.request


def test_a_half_character_takes_nothing_from_the_tags_and_the_stream(bench):
    """The edits of the body leave every other byte as it is, even where the body is not UTF-8."""
    if bench.kind != "openai":
        return
    marked = (
        b'{"model":"m","metadata":{"insource_task":"specs","a":"\xe9\\ud83d"},"stream":true,"messages":[]}'
    )
    left = b'{"model":"m","metadata":{"a":"\xe9\\ud83d"},"stream":true,"messages":[]}'
    upstream = bench.answering(always(reply(REFUSED, 400)))
    post(bench, "/v1/chat/completions", marked)
    assert [asked.body for asked in upstream.seen] == [left]
    (call,) = bench.new_calls()
    assert (call.task, call.streamed) == ("specs", True)


def test_a_secret_in_an_unread_request_is_not_on_disk(bench):
    secret = "sk-proj-" + "aB3dE5gH7jK9mN1pQ3sT"
    bench.answering(always(reply(REFUSED, 400)))
    post(bench, PATHS[bench.kind][0], b'{"input":"key %s", "x' % secret.encode())
    (call,) = bench.new_calls()
    assert "[secret:openai-key]" in call.request["unread"]
    folder = bench.recorder.database.path.parent
    assert (folder / STORE_FILE).exists()
    assert not [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
