"""The official OpenAI client cannot tell the gateway from the provider, sync or async."""

import asyncio
import json

import openai
import pytest
from support.upstream_kit import Bench, always, reply, streamed

KEY = "sk-" + "conformance0key0that0is0nobodys"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "A grüße from — 480 V"}]}
TOOL = {"type": "function", "function": {"name": "volts", "parameters": {"type": "object", "properties": {}}}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "zz_new_count": 1}


def document(value):
    # Odd spacing, an unknown field and a non-ASCII byte: what is parsed and written again would differ.
    return (
        json.dumps({"zz_unknown": [1.10, {"ü": None}], **value}, indent=1, ensure_ascii=False).encode()
        + b"\n"
    )


def completion(*messages, finish="stop"):
    choices = [
        {"index": at, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
        for at, message in enumerate(messages)
    ]
    return document(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": choices,
            "usage": USAGE,
        }
    )


def events(*values, done=True):
    """A stream whose chunks do not respect the borders of its events."""
    data = b"".join(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n" for value in values)
    data += b"data: [DONE]\n\n" if done else b""
    return [data[at : at + 37] for at in range(0, len(data), 37)]


def delta(said, finish=None, **more):
    choice = {"index": 0, "delta": said, "finish_reason": finish, "logprobs": None}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return {**head, "choices": [choice], **more}


CALL = {"id": "call_1", "type": "function", "function": {"name": "volts", "arguments": '{"v": 480}'}}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "status": "completed",
    "output": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "480 V", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 13,
    },
}
VECTOR = {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}
TEXT = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "gpt-3.5-turbo-instruct"}
FILE = {"id": "file-1", "object": "file", "bytes": 3, "created_at": 1, "filename": "a.jsonl"}
FILE |= {"purpose": "batch", "status": "processed"}
BATCH = {"id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1"}
BATCH |= {"completion_window": "24h", "status": "validating", "created_at": 1}
MODEL = {"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "system"}

# name → (what the client calls, with what, what the provider answers, what the record is of)
WHOLE = {
    "chat": ("chat.completions.create", ASK, completion({"content": "480 V"}), "chat"),
    "several choices": (
        "chat.completions.create",
        ASK | {"n": 2, "logprobs": True, "top_logprobs": 2},
        completion({"content": "a"}, {"content": "b"}),
        "chat",
    ),
    "tools": (
        "chat.completions.create",
        ASK | {"tools": [TOOL], "tool_choice": "required"},
        completion({"content": None, "tool_calls": [CALL]}, finish="tool_calls"),
        "chat",
    ),
    "refusal under a schema": (
        "chat.completions.create",
        ASK
        | {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "v", "strict": True, "schema": {"type": "object"}},
            }
        },
        completion({"content": None, "refusal": "No."}),
        "chat",
    ),
    "unknown fields": (
        "chat.completions.create",
        ASK | {"extra_body": {"zz_future": {"b": 1, "a": [2]}}, "extra_headers": {"x-future": "1"}},
        completion({"content": "480 V"}),
        "chat",
    ),
    "responses": (
        "responses.create",
        {"model": "gpt-4o-mini", "input": "480 V?"},
        document(RESPONSE),
        "responses",
    ),
    "embeddings": (
        "embeddings.create",
        {"model": "text-embedding-3-small", "input": ["a", "b"], "encoding_format": "float"},
        document({"object": "list", "data": [VECTOR], "model": "text-embedding-3-small", "usage": USAGE}),
        "embeddings",
    ),
    "completions": (
        "completions.create",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "480"},
        document(TEXT | {"choices": [{"index": 0, "text": " V", "finish_reason": "stop"}], "usage": USAGE}),
        "completions",
    ),
    "models": ("models.list", {}, document({"object": "list", "data": [MODEL]}), None),
    "model": ("models.retrieve", {"model": "gpt-4o-mini"}, document(MODEL), None),
    "file": ("files.create", {"file": ("a.jsonl", b"{}\n"), "purpose": "batch"}, document(FILE), None),
    "batch": (
        "batches.create",
        {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"},
        document(BATCH),
        "other",
    ),
    "response by id": ("responses.retrieve", {"response_id": "resp_1"}, document(RESPONSE), None),
    "response cancelled": ("responses.cancel", {"response_id": "resp_1"}, document(RESPONSE), None),
    "stored completions": ("chat.completions.list", {}, document({"object": "list", "data": []}), None),
}
STREAMED = {
    "chat": (
        "chat.completions.create",
        ASK | {"stream_options": {"include_usage": True}},
        events(
            delta({"role": "assistant", "content": ""}),
            delta({"content": "48ü"}),
            delta({"content": " V"}, usage=None),
            delta({}, "stop"),
            delta({}) | {"choices": [], "usage": USAGE},
        ),
        ("chat", "48ü V", "stop"),
    ),
    "tools": (
        "chat.completions.create",
        ASK | {"tools": [TOOL]},
        events(
            delta({"role": "assistant", "content": None, "tool_calls": [{"index": 0, **CALL}]}),
            delta({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}),
            delta({}, "tool_calls"),
        ),
        ("chat", "", "tool_calls"),
    ),
    "responses": (
        "responses.create",
        {"model": "gpt-4o-mini", "input": "480 V?"},
        [
            b"event: " + kind.encode() + b"\ndata: " + json.dumps({"type": kind, **value}).encode() + b"\n\n"
            for kind, value in [
                ("response.created", {"response": RESPONSE | {"status": "in_progress", "output": []}}),
                ("response.output_text.delta", {"delta": "480 V", "output_index": 0, "content_index": 0}),
                ("response.completed", {"response": RESPONSE}),
            ]
        ],
        ("responses", "480 V", "stop"),
    ),
    "completions": (
        "completions.create",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "480"},
        events(TEXT | {"choices": [{"index": 0, "text": " V", "finish_reason": "stop"}]}),
        ("completions", " V", "stop"),
    ),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    with Bench.open(tmp_path_factory.mktemp("store")) as opened:
        yield opened


def options(root):
    return {"base_url": f"{root}/v1", "api_key": KEY, "max_retries": 0, "organization": "org-1"}


def method_of(client, name):
    for part in name.split("."):
        client = getattr(client, part)
    return client


def called(root, name, arguments):
    """What a synchronous client makes of the answer."""
    with openai.OpenAI(**options(root)) as client:
        return method_of(client, name)(**arguments)


def called_async(root, name, arguments):
    async def main():
        async with openai.AsyncOpenAI(**options(root)) as client:
            return await method_of(client, name)(**arguments)

    return asyncio.run(main())


def bytes_of(root, name, arguments):
    """The answer's bytes as the client got them."""
    *path, last = name.split(".")
    with openai.OpenAI(**options(root)) as client:
        return method_of(client, ".".join([*path, "with_raw_response", last]))(**arguments).content


def heard(root, name, arguments):
    with (
        openai.OpenAI(**options(root)) as client,
        method_of(client, name)(**arguments, stream=True) as stream,
    ):
        return list(stream)


def heard_async(root, name, arguments):
    async def main():
        async with (
            openai.AsyncOpenAI(**options(root)) as client,
            await method_of(client, name)(**arguments, stream=True) as stream,
        ):
            return [event async for event in stream]

    return asyncio.run(main())


def same_request(direct, passed):
    """The provider was asked the same, but for what belongs to a connection or borders form data."""
    assert (passed.method, passed.target) == (direct.method, direct.target)
    form = b"form-data" in direct.body
    border = {"content-type"} if form else set()
    assert [h for h in passed.kept if h[0] not in border] == [h for h in direct.kept if h[0] not in border]
    assert len(passed.body) == len(direct.body) if form else passed.body == direct.body


@pytest.mark.parametrize("ask", [called, called_async, bytes_of])
@pytest.mark.parametrize("exchange", WHOLE)
def test_an_answer_is_the_same_through_the_gateway(bench, exchange, ask):
    name, arguments, answer, endpoint = WHOLE[exchange]
    headers = [("x-request-id", "req_1"), ("openai-version", "1")]
    upstream = bench.answering(always(reply(answer, headers=headers)))
    direct = ask(upstream.root, name, arguments)
    passed = ask(bench.root, name, arguments)
    if name.endswith(".list") and ask is not bytes_of:  # two pages differ in the client they came from
        direct, passed = direct.data, passed.data
    assert passed == direct
    same_request(*upstream.seen)
    recorded = bench.new_calls()
    assert [call.endpoint for call in recorded] == ([endpoint] if endpoint else [])
    for call in recorded:
        assert (call.outcome, call.status, call.source, call.provider) == ("ok", 200, "gateway", "openai")
        counted = (arguments["model"], 9) if endpoint != "other" else ("", None)
        assert (call.model_asked, call.usage.input_tokens) == counted


@pytest.mark.parametrize("hear", [heard, heard_async])
@pytest.mark.parametrize("exchange", STREAMED)
def test_a_stream_is_the_same_through_the_gateway(bench, exchange, hear):
    name, arguments, pieces, (endpoint, text, finish) = STREAMED[exchange]
    upstream = bench.answering(streamed(pieces))
    direct = hear(upstream.root, name, arguments)
    assert hear(bench.root, name, arguments) == direct
    assert direct
    same_request(*upstream.seen)
    (call,) = bench.new_calls()
    assert (call.endpoint, call.response_text, call.finish_reason) == (endpoint, text, finish)
    assert (call.outcome, call.streamed) == ("ok", True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_an_error_is_the_providers_own(bench, status, kind):
    body = b'{ "error": {"message":"no","type":"t","param":null,"code":"c", "zz":1} }'
    told = [("x-request-id", "req_9"), ("retry-after", "7"), ("retry-after-ms", "7000")]
    told += [("x-should-retry", "true"), ("x-ratelimit-remaining-requests", "0")]
    upstream = bench.answering(always(reply(body, status, headers=told)))
    with pytest.raises(kind) as raised:
        called(bench.root, "chat.completions.create", ASK)
    assert raised.value.response.content == body
    assert raised.value.request_id == "req_9"
    assert [(name, raised.value.response.headers[name]) for name, _ in told] == told
    (call,) = bench.new_calls()
    assert (call.outcome, call.status, call.error) == ("error", status, "no")
    assert call.cost_usd is None
    assert len(upstream.seen) == 1


def test_the_clients_own_retries_see_what_they_need(bench):
    answers = [
        reply(b'{"error":{"message":"busy"}}', 503, headers=[("retry-after-ms", "1")]),
        reply(completion({"content": "480 V"})),
    ]

    async def answer(asked):
        yield answers[len(upstream.seen) - 1]

    upstream = bench.answering(answer)
    with openai.OpenAI(**options(bench.root) | {"max_retries": 1}) as client:
        assert client.chat.completions.create(**ASK).choices[0].message.content == "480 V"
    assert [call.status for call in bench.new_calls()] == [503, 200]
