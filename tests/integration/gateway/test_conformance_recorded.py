"""Real exchanges of many providers, replayed: each comes out of the gateway as it went in."""

import json
import os
from pathlib import Path

import httpx2
import pytest
from support.upstream_kit import STREAM_HEAD, RawUpstream, calls_of, chunk, reply

from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs.recorder import Recorder

FOLDER = os.environ.get("INSOURCE_API_LOGS", "")
KINDS = {"anthropic": "/messages", "gemini": "enerateContent"}


def exchanges():
    for path in sorted(Path(FOLDER).glob("*_cassettes.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def kind_of(exchange):
    return next((kind for kind, mark in KINDS.items() if mark in exchange["path"]), "openai")


def body_of(exchange):
    answer = exchange["response"]
    if isinstance(answer, dict) and "_raw_stream" in answer:
        return answer["_raw_stream"].encode(), "text/event-stream"
    return json.dumps(answer, ensure_ascii=False).encode(), "application/json"


@pytest.mark.skipif(not FOLDER, reason="INSOURCE_API_LOGS names no folder of recorded exchanges")
def test_every_recorded_exchange_passes_unchanged(tmp_path):
    found = list(exchanges())
    with RawUpstream() as upstream, Recorder.open(tmp_path) as recorder:

        async def answer(asked):
            exchange = found[int(dict(asked.headers)["x-number"])]
            body, kind = body_of(exchange)
            if kind == "text/event-stream":
                yield STREAM_HEAD + b"\r\n"
                for at in range(0, len(body), 1000):
                    yield chunk(body[at : at + 1000])
                yield b"0\r\n\r\n"
            else:
                yield reply(body, exchange["status"])

        upstream.answer = answer
        upstreams = [
            UpstreamSettings(name=kind, kind=kind, base_url=upstream.root)
            for kind in ("openai", "anthropic", "gemini")
        ]
        settings = GatewaySettings(recorder=recorder, pass_through=PassThrough(upstreams=tuple(upstreams)))
        with GatewayServer(settings) as server, httpx2.Client(trust_env=False, timeout=20) as client:
            root = server.url.removesuffix("/v1")
            for number, exchange in enumerate(found):
                asked = json.dumps(exchange["request"], ensure_ascii=False).encode()
                headers = {"content-type": "application/json", "x-number": str(number)}
                url = f"{root}/u/{kind_of(exchange)}{exchange['path']}"
                came = client.post(url, content=asked, headers=headers)
                assert (came.status_code, came.content) == (exchange["status"], body_of(exchange)[0]), (
                    exchange["id"]
                )
                assert upstream.seen[-1].body == asked, exchange["id"]
        calls = calls_of(recorder)
    assert len(found) > 500
    assert {call.endpoint for call in calls} >= {"chat", "responses", "messages", "generate_content"}
    answered = [call for call in calls if call.status == 200 and call.endpoint != "other"]
    assert all(call.outcome == "ok" for call in answered if not call.error)
    assert len(answered) > 300
