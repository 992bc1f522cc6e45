"""The official Anthropic client cannot tell the gateway from the provider, sync or async."""

import asyncio
import json

import anthropic
import pytest
from support.upstream_kit import Bench, always, reply, streamed

KEY = "sk-ant-" + "conformance0key0that0is0nobodys"
ASK = {
    "model": "claude-of-a-test",
    "max_tokens": 64,
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "480 ü?"}],
}
TOOL = {"name": "volts", "input_schema": {"type": "object", "properties": {"v": {"type": "integer"}}}}
USAGE = {
    "input_tokens": 9,
    "output_tokens": 4,
    "cache_read_input_tokens": 3,
    "cache_creation_input_tokens": 0,
}


def message(content, stop="end_turn"):
    value = {
        "zz_unknown": {"ü": [1.10]},
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-of-a-test-2026",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
    }
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def events(*blocks, stop="end_turn"):
    start = json.loads(message([], None)) | {"usage": USAGE | {"output_tokens": 1}}
    values = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        values.append({"type": "content_block_start", "index": index, "content_block": block})
        values += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        values.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": stop, "stop_sequence": None}
    values.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 4}})
    values.append({"type": "message_stop"})
    data = "".join(
        f"event: {v['type']}\ndata: {json.dumps(v, ensure_ascii=False)}\n\n" for v in values
    ).encode()
    return [data[at : at + 53] for at in range(0, len(data), 53)]


TEXT = {"type": "text", "text": "480 V"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "volts", "input": {"v": 480}}
WHOLE = {
    "message": (ASK, message([TEXT]), "480 V", "stop"),
    "tools": (ASK | {"tools": [TOOL]}, message([USE], "tool_use"), "", "tool_calls"),
    "cut at its length": (ASK | {"max_tokens": 1}, message([TEXT], "max_tokens"), "480 V", "length"),
    "beta": (ASK | {"extra_headers": {"anthropic-beta": "zz-2026"}}, message([TEXT]), "480 V", "stop"),
}
SAID = [{"type": "text_delta", "text": "48ü"}, {"type": "text_delta", "text": " V"}]
PARTS = [{"type": "input_json_delta", "partial_json": part} for part in ("", '{"v":', "480}")]
STREAMED = {
    "message": (ASK, events((TEXT | {"text": ""}, SAID)), "48ü V", "stop"),
    "tools": (
        ASK | {"tools": [TOOL]},
        events((USE | {"input": {}}, PARTS), stop="tool_use"),
        "",
        "tool_calls",
    ),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Bench.open(tmp_path_factory.mktemp("store"), kind="anthropic") as opened:
        yield opened


def options(root):
    return {"base_url": root, "api_key": KEY, "max_retries": 0}


def called(root, name, arguments):
    with anthropic.Anthropic(**options(root)) as client:
        return getattr(client.messages, name)(**arguments)


def called_async(root, name, arguments):
    async def main():
        async with anthropic.AsyncAnthropic(**options(root)) as client:
            return await getattr(client.messages, name)(**arguments)

    return asyncio.run(main())


def bytes_of(root, name, arguments):
    with anthropic.Anthropic(**options(root)) as client:
        return getattr(client.messages.with_raw_response, name)(**arguments).read()


def heard(root, arguments):
    with anthropic.Anthropic(**options(root)) as client, client.messages.stream(**arguments) as stream:
        return list(stream), stream.get_final_message()


def heard_async(root, arguments):
    async def main():
        async with (
            anthropic.AsyncAnthropic(**options(root)) as client,
            client.messages.stream(**arguments) as stream,
        ):
            return [event async for event in stream], await stream.get_final_message()

    return asyncio.run(main())


def same_request(direct, passed):
    assert (passed.method, passed.target, passed.body) == (direct.method, direct.target, direct.body)
    assert passed.kept == direct.kept


@pytest.mark.parametrize("ask", [called, called_async, bytes_of])
@pytest.mark.parametrize("exchange", WHOLE)
def test_a_message_is_the_same_through_the_gateway(bench, exchange, ask):
    arguments, answer, text, finish = WHOLE[exchange]
    upstream = bench.answering(always(reply(answer, headers=[("request-id", "req_1")])))
    assert ask(bench.root, "create", arguments) == ask(upstream.root, "create", arguments)
    same_request(*reversed(upstream.seen))
    (call,) = bench.new_calls()
    assert (call.endpoint, call.provider, call.status) == ("messages", "anthropic", 200)
    assert (call.response_text, call.finish_reason) == (text, finish)
    assert (call.usage.input_tokens, call.usage.cached_tokens, call.usage.output_tokens) == (12, 3, 4)


@pytest.mark.parametrize("hear", [heard, heard_async])
@pytest.mark.parametrize("exchange", STREAMED)
def test_a_stream_is_the_same_through_the_gateway(bench, exchange, hear):
    arguments, pieces, text, finish = STREAMED[exchange]
    upstream = bench.answering(streamed(pieces))
    assert hear(bench.root, arguments) == hear(upstream.root, arguments)
    same_request(*reversed(upstream.seen))
    (call,) = bench.new_calls()
    assert (call.response_text, call.finish_reason, call.outcome) == (text, finish, "ok")
    assert (call.streamed, call.usage.output_tokens, call.usage_estimated) == (True, 4, False)


@pytest.mark.parametrize("ask", [called, called_async, bytes_of])
def test_tokens_are_counted_by_the_provider_and_that_is_no_call(bench, ask):
    arguments = {"model": ASK["model"], "messages": ASK["messages"]}
    upstream = bench.answering(always(reply(b'{ "input_tokens": 9 }')))
    assert ask(bench.root, "count_tokens", arguments) == ask(upstream.root, "count_tokens", arguments)
    same_request(*reversed(upstream.seen))
    assert upstream.seen[0].target.startswith("/v1/messages/count_tokens")
    assert bench.new_calls() == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (529, anthropic.InternalServerError),
    ],
)
def test_an_error_is_the_providers_own(bench, status, kind):
    body = b'{"type":"error", "error":{"type":"overloaded_error","message":"no"},"request_id":"req_9"}'
    told = [("request-id", "req_9"), ("retry-after", "7"), ("anthropic-ratelimit-requests-remaining", "0")]
    bench.answering(always(reply(body, status, headers=told)))
    with pytest.raises(kind) as raised:
        called(bench.root, "create", ASK)
    assert raised.value.response.content == body
    assert [(name, raised.value.response.headers[name]) for name, _ in told] == told
    (call,) = bench.new_calls()
    assert (call.outcome, call.status, call.error) == ("error", status, "no")


def test_the_gateways_own_errors_are_what_the_client_knows(bench):
    """Nothing is configured for OpenAI here: the caller who speaks Anthropic is told in its own shape."""
    with (
        pytest.raises(anthropic.NotFoundError) as raised,
        anthropic.Anthropic(**options(bench.root)) as client,
    ):
        client.post("/v1/nothing", body={}, cast_to=object)
    assert raised.value.body["error"]["type"] == "not_found_error"
    assert raised.value.body["type"] == "error"
