"""The official clients, wrapped: they give what they gave, and every call is on record."""

import asyncio
import gc
import gzip
import json
import threading
import time

import anthropic
import openai
import pytest
from pydantic import BaseModel
from support.fake_provider import Answer, fake_provider, stream
from support.provider_answers import (
    CHAT_DOCUMENT,
    CHAT_STREAM,
    CHAT_TEXT,
    MESSAGES_DOCUMENT,
    MESSAGES_STREAM,
    MESSAGES_TEXT,
    RESPONSES_DOCUMENT,
    RESPONSES_STREAM,
    RESPONSES_TEXT,
    TOOLS_MESSAGE,
    TOOLS_STREAM,
    events,
)

import insource
from insource.foundation.errors import UserError
from insource.logs import process_log
from insource.logs.recorder import STORE_FILE, Recorder
from insource.store.calls.calls import find_calls
from insource.store.database import open_database

ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "How many volts?"}]}
ASK_CLAUDE = {**ASK, "model": "claude-sonnet-latest", "max_tokens": 100}
ASK_RESPONSES = {"model": "gpt-5-mini", "input": "How many volts?"}


@pytest.fixture
def provider():
    with fake_provider() as fake:
        yield fake


OPENED = []


@pytest.fixture(autouse=True)
def _logs_and_connections_end_with_the_test():
    yield
    while OPENED:
        OPENED.pop().close()
    process_log.close_logs()


def closed_later(client):
    """Async clients are closed in their loop, by the test itself."""
    if isinstance(client, openai.OpenAI | anthropic.Anthropic):
        OPENED.append(client)
    return client


@pytest.fixture
def root(tmp_path):
    return tmp_path / "log"


def recorded(root):
    with Recorder.open(root) as recorder:
        recorder.flush()
        return find_calls(recorder.database)


def openai_client(provider, root, kind=openai.OpenAI, **tags):
    client = kind(base_url=f"{provider.url}/v1", api_key="sk-test", max_retries=0)
    return closed_later(insource.wrap(client, root=root, **tags))


def anthropic_client(provider, root, kind=anthropic.Anthropic, **tags):
    client = kind(base_url=provider.url, api_key="sk-ant-test", max_retries=0)
    return closed_later(insource.wrap(client, root=root, **tags))


def document(value):
    return Answer([json.dumps(value).encode()])


def drained(client, call):
    """The result of a call, by a sync client or an async one; a stream as the list of its events."""
    if isinstance(client, openai.AsyncOpenAI | anthropic.AsyncAnthropic):

        async def awaited():
            async with client:
                result = await call(client)
                return [event async for event in result] if hasattr(result, "__aiter__") else result

        return asyncio.run(awaited())
    result = call(client)
    return list(result) if hasattr(result, "__next__") else result


OPENAI = {"sync": openai.OpenAI, "async": openai.AsyncOpenAI}
ANTHROPIC = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}


@pytest.mark.parametrize("kind", OPENAI)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("endpoint", "ask", "call", "answer", "answer_stream", "text"),
    [
        (
            "chat",
            ASK,
            lambda client, **more: client.chat.completions.create(**ASK, **more),
            CHAT_DOCUMENT,
            CHAT_STREAM,
            CHAT_TEXT,
        ),
        (
            "responses",
            ASK_RESPONSES,
            lambda client, **more: client.responses.create(**ASK_RESPONSES, **more),
            RESPONSES_DOCUMENT,
            RESPONSES_STREAM,
            RESPONSES_TEXT,
        ),
    ],
)
def test_openai_calls(provider, root, kind, streamed, endpoint, ask, call, answer, answer_stream, text):
    more = {"stream": True} if streamed else {}
    provider.answer = stream(answer_stream) if streamed else document(answer)
    client = openai_client(provider, root, OPENAI[kind], task="specs", feature="import")
    plain = closed_later(OPENAI[kind](base_url=f"{provider.url}/v1", api_key="sk-test"))
    assert drained(client, lambda c: call(c, **more)) == drained(plain, lambda c: call(c, **more))
    [recorded_call] = recorded(root)
    assert (recorded_call.response, recorded_call.response_text) == (answer, text)
    assert recorded_call.request == {**ask, **more}
    assert (recorded_call.source, recorded_call.endpoint, recorded_call.outcome) == ("wrap", endpoint, "ok")
    assert (recorded_call.task, recorded_call.feature) == ("specs", "import")
    assert (recorded_call.streamed, recorded_call.status) == (streamed, 200)
    assert (recorded_call.model_asked, recorded_call.model_answered) == (ask["model"], answer["model"])
    assert recorded_call.usage.input_tokens == (90 if endpoint == "chat" else 30)
    assert recorded_call.priced_by.startswith("genai-prices") == (endpoint == "responses")  # chat has audio
    assert recorded_call.provider == provider.url.removeprefix("http://")
    assert (recorded_call.first_token_s is not None) == streamed
    assert [seen.body for seen in provider.seen[:1]] == [seen.body for seen in provider.seen[1:]]


@pytest.mark.parametrize("kind", ANTHROPIC)
@pytest.mark.parametrize("streamed", [False, True])
def test_anthropic_calls(provider, root, kind, streamed):
    provider.answer = stream(MESSAGES_STREAM) if streamed else document(MESSAGES_DOCUMENT)
    client = anthropic_client(provider, root, ANTHROPIC[kind], prompt_version="7")
    drained(client, lambda c: c.messages.create(**ASK_CLAUDE, stream=streamed))
    [call] = recorded(root)
    assert (call.response, call.response_text) == (MESSAGES_DOCUMENT, MESSAGES_TEXT)
    assert (call.endpoint, call.outcome, call.finish_reason) == ("messages", "ok", "tool_calls")
    assert (call.usage.input_tokens, call.usage.cached_tokens, call.usage.output_tokens) == (420, 300, 57)
    # 20 * 3 + 300 * 0.30 + 60 * 3.75 + 40 * 6 + 57 * 15 dollars a million
    assert (float(call.cost_usd), call.prompt_version) == (0.00147, "7")


def without(value, *names):
    """The value without these keys, and without what is None: clients add every key they know."""
    if isinstance(value, dict):
        return {
            key: without(item, *names) for key, item in value.items() if item is not None and key not in names
        }
    return [without(item, *names) for item in value] if isinstance(value, list) else value


class Answered(BaseModel):
    volts: int


@pytest.mark.parametrize("data", [CHAT_STREAM, TOOLS_STREAM])
def test_the_record_is_what_openais_own_helper_makes_of_the_stream(provider, root, data):
    provider.answer = stream(data, 90)
    with openai_client(provider, root).chat.completions.stream(**ASK) as events_:
        final = events_.until_done().current_completion_snapshot
    [call] = recorded(root)
    theirs = without(final.model_dump(mode="json"), "parsed", "parsed_arguments", "obfuscation")
    for choice in theirs["choices"]:
        for tool in choice["message"].get("tool_calls", ()):
            tool.pop("index")  # it ordered the deltas, and no answer without streaming has it
    assert theirs == without(call.response)
    assert call.outcome == "ok"


def test_the_record_is_what_openais_helper_for_responses_makes(provider, root):
    provider.answer = stream(RESPONSES_STREAM, 90)
    with openai_client(provider, root).responses.stream(**ASK_RESPONSES) as events_:
        final = events_.until_done().get_final_response()
    [call] = recorded(root)
    assert final.output_text == call.response_text
    assert without(
        final.model_dump(mode="json", exclude_unset=True), "parsed", "parsed_arguments"
    ) == without(call.response)


def test_the_record_is_what_anthropics_helper_makes(provider, root):
    provider.answer = stream(MESSAGES_STREAM, 90)
    with anthropic_client(provider, root).messages.stream(**ASK_CLAUDE) as events_:
        final = events_.get_final_message()
    [call] = recorded(root)
    assert without(final.model_dump(mode="json", exclude_unset=True), "parsed_output") == without(
        call.response
    )


def test_the_stream_helpers_of_async_clients(provider, root):
    async def ask():
        provider.answer = stream(TOOLS_STREAM)
        client = openai_client(provider, root, openai.AsyncOpenAI)
        async with client, client.chat.completions.stream(**ASK) as events_:
            await events_.until_done()
        provider.answer = stream(MESSAGES_STREAM)
        claude = anthropic_client(provider, root, anthropic.AsyncAnthropic)
        async with claude, claude.messages.stream(**ASK_CLAUDE) as events_:
            assert await events_.get_final_text() == MESSAGES_TEXT

    asyncio.run(ask())
    tools, message = recorded(root)
    assert tools.response["choices"][0]["message"] == TOOLS_MESSAGE
    assert (tools.finish_reason, tools.outcome) == ("tool_calls", "ok")
    assert (message.response, message.outcome) == (MESSAGES_DOCUMENT, "ok")


def test_calls_come_into_the_store_by_themselves(provider, root):
    provider.answer = document(CHAT_DOCUMENT)
    openai_client(provider, root).chat.completions.create(**ASK)
    with open_database(root / STORE_FILE) as database:
        for _ in range(600):
            if calls := find_calls(database):
                break
            time.sleep(0.05)
    assert [call.response_text for call in calls] == [CHAT_TEXT]


def test_every_other_way_of_asking_is_recorded(provider, root):
    client = openai_client(provider, root)
    answer = CHAT_DOCUMENT | {"choices": [CHAT_DOCUMENT["choices"][0]]}
    parsed = json.loads(json.dumps(answer))
    parsed["choices"][0]["message"]["content"] = '{"volts": 480}'
    provider.answer = document(parsed)
    assert (
        client.chat.completions.parse(**ASK, response_format=Answered).choices[0].message.parsed.volts == 480
    )
    raw = client.chat.completions.with_raw_response.create(**ASK)
    assert raw.parse().choices[0].message.content == '{"volts": 480}'
    with client.chat.completions.with_streaming_response.create(**ASK) as response:
        assert response.json() == parsed
    client.with_options(timeout=5).chat.completions.create(**ASK)
    with_own = client.with_options(default_headers={"x-insource-task": "own"})
    with_own.chat.completions.create(**ASK)
    embedding = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
    provider.answer = document({"object": "list", "model": "e", "data": [embedding], "usage": {}})
    client.embeddings.create(model="e", input="x", encoding_format="float")
    calls = recorded(root)
    assert [call.outcome for call in calls] == ["ok"] * 6
    assert [call.response_text for call in calls[:5]] == ['{"volts": 480}'] * 5
    assert [call.task for call in calls] == ["", "", "", "", "own", ""]
    assert calls[5].response["data"] == {"count": 1, "dimensions": 2}


def test_azure(provider, root):
    provider.answer = document(CHAT_DOCUMENT)
    plain = openai.AzureOpenAI(azure_endpoint=provider.url, api_key="k", api_version="2025-01-01")
    client = closed_later(insource.wrap(plain, root=root, provider="azure"))
    client.chat.completions.create(**{**ASK, "model": "our-deployment"})
    [call] = recorded(root)
    assert "/deployments/our-deployment/" in provider.seen[0].path
    assert (call.model_asked, call.model_answered) == ("our-deployment", CHAT_DOCUMENT["model"])
    assert call.provider == "azure"


def test_tags_of_a_call_go_before_the_clients_and_are_not_sent(provider, root):
    provider.answer = document(CHAT_DOCUMENT)
    client = openai_client(provider, root, task="specs", user="anna")
    headers = {"x-insource-task": "tickets", "X-Insource-Prompt-Version": "3", "x-insource-odd": "1"}
    client.chat.completions.create(**ASK, extra_headers={**headers, "x-kept": "yes"})
    [call] = recorded(root)
    assert (call.task, call.prompt_version, call.user) == ("tickets", "3", "anna")
    [seen] = provider.seen
    assert seen.headers["x-kept"] == "yes"
    assert not [name for name in seen.headers if "insource" in name]
    assert seen.headers["authorization"] == "Bearer sk-test"
    assert "sk-test" not in call.model_dump_json()


def test_a_call_is_on_record_before_its_request_is_answered(provider, root):
    under_way = []

    def answer(seen):
        under_way.extend(path.read_bytes() for path in (root / "spool").glob("*.seg"))
        return document(CHAT_DOCUMENT)

    provider.answer = answer
    openai_client(provider, root).chat.completions.create(**ASK)
    assert b"How many volts?" in b"".join(under_way)


def test_compressed_answers_are_read(provider, root):
    packed = gzip.compress(json.dumps(CHAT_DOCUMENT).encode())
    provider.answer = Answer([packed], headers={"content-encoding": "gzip"})
    answer = openai_client(provider, root).chat.completions.create(**ASK)
    [call] = recorded(root)
    assert call.response_text == answer.choices[0].message.content == CHAT_TEXT


def test_errors_and_their_retries_are_one_record_each(provider, root):
    error = {"error": {"message": "slow down", "type": "rate", "param": None, "code": None}}
    answers = iter([(429, error), (429, error), (200, CHAT_DOCUMENT)])

    def answer(seen):
        status, body = next(answers)
        return Answer([json.dumps(body).encode()], status=status, headers={"retry-after-ms": "1"})

    provider.answer = answer
    client = openai_client(provider, root).with_options(max_retries=2)
    client.chat.completions.create(**ASK)
    calls = recorded(root)
    assert [(call.outcome, call.status, call.error) for call in calls] == [
        ("error", 429, "slow down"),
        ("error", 429, "slow down"),
        ("ok", 200, ""),
    ]
    assert calls[0].cost_usd is None


def test_a_key_that_an_error_repeats_is_not_recorded(provider, root):
    """A key of no form that a rule could know."""
    key = "blue-otter-caller-9023"
    refusal = {"error": {"message": f"There is no key {key} here"}}
    provider.answer = lambda seen: Answer([json.dumps(refusal).encode()], status=401)
    client = openai_client(provider, root).with_options(api_key=key)
    with pytest.raises(openai.AuthenticationError, match=key):
        client.chat.completions.create(**ASK)
    [call] = recorded(root)
    assert call.error == "There is no key [secret:key] here"
    assert key not in call.model_dump_json()


def test_a_provider_that_cannot_be_reached_is_an_error(root):
    client = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    with pytest.raises(openai.APIConnectionError):
        insource.wrap(client, root=root).chat.completions.create(**ASK)
    [call] = recorded(root)
    assert (call.outcome, call.finish_reason, call.status) == ("error", "error", None)
    assert "ConnectError" in call.error


LONG = events(
    *(
        {"model": "m", "choices": [{"index": 0, "delta": {"content": f"word{number} "}}]}
        for number in range(400)
    ),
    done=True,
)


def stop_after_one(client):
    for _ in client.chat.completions.create(**ASK, stream=True):
        break


def raise_in_the_loop(client):
    with pytest.raises(ValueError, match="ours"):  # noqa: PT012 - the loop is what raises
        for _ in client.chat.completions.create(**ASK, stream=True):
            raise ValueError("ours")


def close_it(client):
    answer = client.chat.completions.create(**ASK, stream=True)
    next(iter(answer))
    answer.close()


def never_read_it(client):
    client.chat.completions.create(**ASK, stream=True)


@pytest.mark.parametrize("leave", [stop_after_one, raise_in_the_loop, close_it, never_read_it])
def test_an_answer_that_is_not_read_to_its_end_is_interrupted(provider, root, leave):
    provider.answer = stream(LONG, 1000)
    client = openai_client(provider, root)
    leave(client)
    gc.collect()
    process_log.close_logs()  # as the end of the process
    [call] = recorded(root)
    assert (call.outcome, call.error) == ("interrupted", "the caller stopped reading")
    assert call.partial == (leave is not never_read_it)
    assert call.response_text.startswith("word0 ") == (leave is not never_read_it)


def test_a_cancelled_task_interrupts_its_call(provider, root):
    blocked = threading.Event()

    def pieces():
        yield LONG[:1000]
        blocked.wait(20)

    provider.answer = Answer(pieces(), content_type="text/event-stream")
    client = openai_client(provider, root, openai.AsyncOpenAI)

    async def read_until_cancelled():
        got = asyncio.Event()

        async def read():
            async for _ in await client.chat.completions.create(**ASK, stream=True):
                got.set()

        task = asyncio.create_task(read())
        await got.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.close()

    asyncio.run(read_until_cancelled())
    blocked.set()
    [call] = recorded(root)
    assert call.outcome == "interrupted"
    assert call.response_text.startswith("word0 ")


def test_an_answer_the_provider_breaks_off_is_interrupted_and_the_caller_is_told(provider, root):
    provider.answer = stream(LONG[:5000])
    provider.answer.cut = True
    client = openai_client(provider, root)
    with pytest.raises(openai.APIConnectionError):
        for _ in client.chat.completions.create(**ASK, stream=True):
            pass
    [call] = recorded(root)
    assert (call.outcome, call.usage_estimated) == ("interrupted", True)
    assert "RemoteProtocolError" in call.error
    assert call.partial


def test_what_is_no_call_to_a_model_is_passed_on_and_not_recorded(provider, root):
    provider.answer = document({"input_tokens": 7})
    client = anthropic_client(provider, root)
    assert client.messages.count_tokens(model="m", messages=ASK["messages"]).input_tokens == 7
    assert recorded(root) == []


def test_many_threads_share_a_client(provider, root):
    provider.answer = stream(CHAT_STREAM)
    client = openai_client(provider, root)

    def ask():
        for _ in range(5):
            list(client.chat.completions.create(**ASK, stream=True))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    calls = recorded(root)
    assert [(call.outcome, call.response_text) for call in calls] == [("ok", CHAT_TEXT)] * 30


def test_wrapping_again_replaces_the_tags_and_records_once(provider, root):
    provider.answer = document(CHAT_DOCUMENT)
    first = openai_client(provider, root, task="specs")
    insource.wrap(first, root=root, task="tickets").chat.completions.create(**ASK)
    assert [call.task for call in recorded(root)] == ["tickets"]


def test_the_client_given_records_nothing_itself_and_may_go(provider, root):
    provider.answer = document(CHAT_DOCUMENT)
    plain = openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k")
    wrapped = closed_later(insource.wrap(plain, root=root))
    plain.chat.completions.create(**ASK)
    assert recorded(root) == []
    del plain
    gc.collect()
    wrapped.chat.completions.create(**ASK)
    wrapped.chat.completions.create(**ASK)
    assert len(recorded(root)) == 2


def test_the_users_own_http_client_keeps_its_hooks_and_its_class(provider, root):
    provider.answer = document(CHAT_DOCUMENT)
    hooked = []
    http_client = openai.DefaultHttpxClient(event_hooks={"request": [hooked.append]})
    client = openai.OpenAI(base_url=f"{provider.url}/v1", api_key="k", http_client=http_client)
    wrapped = insource.wrap(client, root=root)
    wrapped.chat.completions.create(**ASK)
    wrapped.close()
    http_client.close()
    assert len(hooked) == len(recorded(root)) == 1


@pytest.mark.parametrize("other", [object(), "client", openai.OpenAI])
def test_what_is_no_official_client_is_refused(other, root):
    with pytest.raises(UserError) as caught:
        insource.wrap(other, root=root)
    assert caught.value.code == "client-not-supported"
    assert not root.exists()
