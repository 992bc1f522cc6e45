"""Whatever compression a provider picks of those its clients ask for, the record has the answer in plain."""

import gzip
import json
import sys
import zlib

import anthropic
import brotli
import openai
import pytest
from support.provider_answers import (
    CHAT_DOCUMENT,
    CHAT_STREAM,
    CHAT_TEXT,
    MESSAGES_DOCUMENT,
    MESSAGES_STREAM,
    MESSAGES_TEXT,
)
from support.upstream_kit import STREAM_HEAD, Bench, always, chunk, reply

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class Brotli:
    def __init__(self):
        self._packer = brotli.Compressor()

    def piece(self, data):
        return self._packer.process(data) + self._packer.flush()

    def end(self):
        return self._packer.finish()


class Zstandard:
    def __init__(self):
        self._packer = zstd.ZstdCompressor()

    def piece(self, data):
        return self._packer.compress(data, zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self):
        return self._packer.flush()


class Gzip:
    def __init__(self):
        self._packer = zlib.compressobj(wbits=31)

    def piece(self, data):
        return self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH)

    def end(self):
        return self._packer.flush()


PACKERS = {"gzip": (gzip.compress, Gzip), "br": (brotli.compress, Brotli), "zstd": (zstd.compress, Zstandard)}


@pytest.fixture(scope="module", params=["openai", "anthropic"])
def bench(request, tmp_path_factory):
    with Bench.open(tmp_path_factory.mktemp("log"), kind=request.param) as bench:
        bench.kind = request.param
        yield bench


def packed(encoding, body):
    pack, _ = PACKERS[encoding]
    return always(reply(pack(body), headers=[("content-encoding", encoding)]))


def packed_stream(encoding, data):
    """A chunk an event, each packed so that it can be read at once."""
    packer = PACKERS[encoding][1]()
    head = STREAM_HEAD + f"content-encoding: {encoding}\r\n\r\n".encode()
    pieces = [packer.piece(event + b"\n\n") for event in data.removesuffix(b"\n\n").split(b"\n\n")]
    return always(head, *[chunk(piece) for piece in [*pieces, packer.end()] if piece], b"0\r\n\r\n")


def ask_openai(root, stream):
    with openai.OpenAI(base_url=f"{root}/v1", api_key="sk-none", max_retries=0) as client:
        messages = [{"role": "user", "content": "Hello"}]
        answer = client.chat.completions.create(model="m", messages=messages, stream=stream)
        if not stream:
            return answer.choices[0].message.content
        choices = [choice for event in answer for choice in event.choices if choice.index == 0]
        return "".join(choice.delta.content or "" for choice in choices)


def ask_anthropic(root, stream):
    with anthropic.Anthropic(base_url=root, api_key="sk-none", max_retries=0) as client:
        asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
        if stream:
            with client.messages.stream(**asked) as answer:
                return answer.get_final_text()
        return next(part.text for part in client.messages.create(**asked).content if part.type == "text")


OF = {
    "openai": (ask_openai, CHAT_TEXT, CHAT_DOCUMENT, CHAT_STREAM),
    "anthropic": (ask_anthropic, MESSAGES_TEXT, MESSAGES_DOCUMENT, MESSAGES_STREAM),
}


@pytest.mark.parametrize("encoding", PACKERS)
def test_an_answer_is_read_however_its_official_client_had_it_packed(bench, encoding):
    ask, text, document, stream = OF[bench.kind]
    upstream = bench.answering(packed(encoding, json.dumps(document).encode()))
    assert ask(bench.root, False) == text
    accepted = dict(upstream.seen[0].headers)["accept-encoding"].replace(" ", "").split(",")
    assert encoding in accepted
    bench.upstream.answer = packed_stream(encoding, stream)
    assert ask(bench.root, True) == text
    calls = whole, streamed = bench.new_calls()
    for call in calls:
        assert (call.outcome, call.error, call.response_text) == ("ok", "", text)
        assert (call.response, call.usage_estimated) == (document, False)
    assert streamed.first_token_s is not None
    assert streamed.usage == whole.usage
