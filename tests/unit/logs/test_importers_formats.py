"""What each format's record becomes: the fields it tells, and nothing it does not."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from support.import_samples import (
    ANTHROPIC,
    ANTHROPIC_BATCH,
    BATCH,
    BATCH_INPUT,
    CHAT,
    EXCHANGES,
    FINETUNE,
    HELICONE_RECORDS,
    LANGFUSE_RECORDS,
    LANGFUSE_SPAN,
    LITELLM_RECORDS,
    OPENPIPE,
    OTEL_AI_SDK,
    OTEL_EVENTS,
    OTEL_FAILED,
    OTEL_NEW,
    OTEL_OLD,
    OTEL_PYDANTIC_AI,
    OTEL_SEARCH,
    SAMPLES,
    STORED,
    TOOL_CALL,
    TOOLS,
    attributes,
    jsonl,
    spans,
    table,
)

from insource.logs.importers import anthropic_batch, openai_batch
from insource.logs.importers.batches import read_requests
from insource.logs.importers.protocol import Imported, Rejected, Skipped
from insource.logs.importers.registry import detect, importer
from insource.testing.importers import read
from insource.types import Usage

TEN = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)


def calls(name, data):
    return [outcome.call for outcome in read(importer(name), data) if isinstance(outcome, Imported)]


def test_a_fine_tuning_example_is_a_call_whose_answer_is_its_last_message():
    text, tool, same, pair, bedrock = calls("openai-finetune", FINETUNE)
    assert text.request == {"messages": CHAT}
    assert text.response_text == "technical"
    assert text.tags == {"fine-tuning": "example", "weight": "1", "started_at": "import"}
    assert (text.model_asked, text.cost_usd, text.usage) == ("", None, Usage())
    assert tool.request == {"messages": CHAT, "tools": TOOLS}
    assert tool.response["choices"][0]["message"]["tool_calls"] == [TOOL_CALL]
    assert tool.finish_reason == "tool_calls"
    assert same.raw == text.raw
    assert same.call_id != text.call_id  # two equal lines are two calls
    assert pair.response_text == "technical"
    assert pair.raw["non_preferred_output"][0]["content"] == "It may be technical, or not."
    assert bedrock.endpoint == "messages"
    assert bedrock.request == {"system": "JSON only", "messages": [CHAT[1]]}


def test_a_stored_completion_has_its_parameters_counts_and_labels():
    first, second, response = calls("openai-stored", STORED)
    assert first.request["messages"] == CHAT
    assert first.request["temperature"] == 0.2
    assert first.response["id"] == "chatcmpl-1"
    assert (first.task, first.tags, first.user) == ("tickets", {"team": "shop"}, "u7")
    assert first.usage == Usage(
        input_tokens=100,
        cached_tokens=64,
        output_tokens=10,
        reasoning_tokens=4,
        audio_input_tokens=0,
    )
    assert first.started_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert second.request["tools"] == TOOLS
    assert (response.endpoint, response.finish_reason) == ("responses", "length")
    assert response.response_text == "Half an ans"


def test_a_batch_stands_beside_its_requests_and_says_that_it_was_one():
    import io

    made = openai_batch.with_requests(read_requests(io.BytesIO(BATCH_INPUT)))
    answered, refused, expired = [outcome.call for outcome in read(made, BATCH)]
    assert answered.request == {"model": "gpt-4o-mini", "messages": CHAT, "user": "u1"}
    assert (answered.model_asked, answered.user) == ("gpt-4o-mini", "u1")
    assert answered.tags == {"batch": "yes", "custom_id": "row-1"}
    assert (refused.outcome, refused.status, refused.error) == ("error", 400, "too long")
    assert (expired.outcome, expired.error) == ("error", "not done in 24 hours")
    without = calls("openai-batch", BATCH)
    assert [call.call_id for call in without] == [answered.call_id, refused.call_id, expired.call_id]
    assert without[0].request == {}


def test_a_batch_input_is_no_log():
    assert {type(outcome) for outcome in read(importer("openai-batch"), BATCH_INPUT)} == {Skipped}


def test_anthropic_counts_the_cache_apart_and_here_it_is_part_of_the_input():
    logged, alone, _ = calls("anthropic", ANTHROPIC)
    assert logged.usage == Usage(input_tokens=100, cached_tokens=60, cache_write_tokens=10, output_tokens=9)
    assert (logged.model_asked, logged.model_answered) == ("claude-haiku-4-5", "claude-haiku-4-5")
    assert (logged.endpoint, logged.provider, logged.finish_reason) == ("messages", "anthropic", "stop")
    assert (logged.started_at, logged.latency_s, logged.user) == (TEN, 0.812, "u7")
    assert logged.request["system"] == "Route the ticket."
    assert (alone.finish_reason, alone.request) == ("length", {})


def test_anthropic_batches_end_in_one_of_four_ways():
    requests = {"a": openai_batch_input("a")}
    made = anthropic_batch.with_requests(requests)
    succeeded, errored, expired = [outcome.call for outcome in read(made, ANTHROPIC_BATCH)]
    assert (succeeded.response_text, succeeded.outcome) == ("technical", "ok")
    assert succeeded.request == {"model": "claude-haiku-4-5", "max_tokens": 5}
    assert (errored.outcome, errored.error) == ("error", "no max_tokens")
    assert (expired.outcome, expired.error) == ("error", "the request was expired")


def openai_batch_input(custom_id):
    import io

    params = {"model": "claude-haiku-4-5", "max_tokens": 5}
    return read_requests(io.BytesIO(jsonl({"custom_id": custom_id, "params": params})))[custom_id]


@pytest.mark.parametrize("data", [jsonl(*LANGFUSE_RECORDS), table(*LANGFUSE_RECORDS)], ids=["jsonl", "csv"])
def test_langfuse_says_the_same_in_each_of_its_exports(data):
    good, failed = calls("langfuse", data)
    assert good.request == {"model": "gpt-4o-mini", "temperature": 0.2, "messages": CHAT}
    assert good.response == {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "technical"}}]
    }
    assert (good.model_asked, good.response_text) == ("gpt-4o-mini", "technical")
    assert good.usage == Usage(input_tokens=100, cached_tokens=64, output_tokens=10, reasoning_tokens=4)
    assert (good.cost_usd, good.priced_by) == (Decimal("0.000016"), "langfuse")
    assert (good.latency_s, good.first_token_s, good.streamed) == (1.5, 0.4, True)
    assert (good.task, good.feature, good.prompt_version, good.user) == (
        "tickets",
        "route-ticket",
        "router@3",
        "u7",
    )
    assert good.tags == {"beta": "yes", "eu": "yes", "session": "s1", "shop": "Leeds", "trace": "tr-1"}
    assert (failed.outcome, failed.error) == ("error", "timeout")
    assert failed.request == {"model": "our-own-model", "prompt": "Where is my parcel?"}
    assert failed.cost_usd is None  # 0 of a model without a price is unknown, not free
    assert failed.usage == Usage()
    assert failed.started_at == datetime(2026, 1, 5, 10, 1, tzinfo=UTC)


def test_langfuse_spells_its_names_in_two_ways():
    [first] = calls("langfuse", jsonl(LANGFUSE_RECORDS[0]))
    blob = {
        "id": "obs-1",
        "type": "GENERATION",
        "start_time": "2026-01-05 10:00:00.000000",
        "end_time": "2026-01-05 10:00:01.500000",
        "completion_start_time": "2026-01-05 10:00:00.400000",
        "provided_model_name": "gpt-4o-mini",
        "usage_details": LANGFUSE_RECORDS[0]["usageDetails"],
        "cost_details": LANGFUSE_RECORDS[0]["costDetails"],
        "prompt_name": "router",
        "prompt_version": 3,
        "user_id": "u7",
    }
    [second] = calls("langfuse", jsonl(blob))
    same = (
        "call_id",
        "started_at",
        "latency_s",
        "first_token_s",
        "usage",
        "cost_usd",
        "prompt_version",
        "user",
    )
    assert [getattr(second, name) for name in same] == [getattr(first, name) for name in same]


def test_langfuse_counts_the_cache_in_the_input_when_the_total_says_so():
    record = LANGFUSE_RECORDS[0] | {
        "usageDetails": {"input": 100, "cache_read_input_tokens": 64, "output": 10, "total": 110}
    }
    [call] = calls("langfuse", jsonl(record))
    assert call.usage == Usage(input_tokens=100, cached_tokens=64, output_tokens=10)


def test_langfuse_spans_are_no_calls():
    [span] = read(importer("langfuse"), jsonl(LANGFUSE_SPAN))
    assert span == Skipped(1, "an observation of the type SPAN")


@pytest.mark.parametrize("data", [jsonl(*LITELLM_RECORDS), table(*LITELLM_RECORDS)], ids=["jsonl", "csv"])
def test_litellm_says_the_same_in_each_of_its_exports(data):
    good, embedding, failed = calls("litellm", data)
    assert (good.model_asked, good.model_answered, good.provider) == ("small", "azure/gpt-4o-mini", "azure")
    assert good.request["messages"] == CHAT
    assert good.response["id"] == "chatcmpl-77"
    assert good.usage.cached_tokens == 64
    assert good.usage.reasoning_tokens == 4
    assert (good.cost_usd, good.priced_by) == (Decimal("0.000021"), "litellm")
    assert (good.latency_s, good.first_token_s) == (2.0, 0.5)
    assert (good.task, good.user) == ("tickets", "u7")
    assert good.tags == {"beta": "yes", "key_alias": "shop", "session": "s1", "team": "team-1"}
    assert (embedding.endpoint, embedding.request, embedding.response) == ("embeddings", {}, None)
    assert embedding.tags["content"] == "absent"
    assert embedding.cost_usd is None  # 0 is what it says of models without a price
    assert embedding.first_token_s is None
    assert (failed.outcome, failed.status, failed.error) == ("error", 429, "slow down")
    assert (failed.usage, failed.model_answered) == (Usage(), "")
    assert failed.tags["content"] == "cut"


def test_a_cache_hit_of_litellm_is_known_to_be_free():
    [call] = calls("litellm", jsonl(LITELLM_RECORDS[0] | {"spend": 0.0, "cache_hit": "True"}))
    assert call.cost_usd == 0
    assert call.tags["cache_hit"] == "yes"


@pytest.mark.parametrize("data", [jsonl(*HELICONE_RECORDS), table(*HELICONE_RECORDS)], ids=["jsonl", "csv"])
def test_helicone_says_the_same_in_each_of_its_exports(data):
    good, cancelled = calls("helicone", data)
    assert good.request["messages"] == CHAT
    assert good.response["id"] == "chatcmpl-1"
    assert (good.model_asked, good.model_answered) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert (good.latency_s, good.first_token_s, good.streamed) == (0.99, 0.21, True)
    assert (good.cost_usd, good.priced_by, good.provider) == (Decimal("0.000021"), "helicone", "openai")
    assert (good.task, good.user) == ("tickets", "u7")
    assert good.usage.reasoning_tokens == 4  # the answer knows more than the columns
    assert (good.status, good.outcome) == (200, "ok")
    assert (cancelled.outcome, cancelled.status, cancelled.cost_usd) == ("interrupted", None, None)
    assert cancelled.usage == Usage()


def test_helicone_writes_json_with_every_quote_doubled_twice():
    cell = json.dumps({"model": "gpt-4o-mini", "messages": CHAT, "stop": ""}).replace('"', '""')
    record = {"response_id": "r1", "response_created_at": "2026-01-05T10:00:00Z", "response_status": 200}
    rows = table({**record, "request_created_at": "2026-01-05T10:00:00Z", "request_body": cell})
    [call] = calls("helicone", rows)
    assert call.request == {"model": "gpt-4o-mini", "messages": CHAT, "stop": ""}


def test_opentelemetry_in_its_present_names():
    [call] = calls("otel", jsonl(spans(OTEL_NEW)))
    assert (call.provider, call.endpoint) == ("openai", "chat")
    assert (call.model_asked, call.model_answered) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert call.request["temperature"] == 0.2
    system, user, assistant, tool = call.request["messages"]
    assert system == CHAT[0]
    assert user == {"role": "user", "content": "The grinder is loud."}
    assert assistant["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"order": 4001}'}
    assert tool == {"role": "tool", "tool_call_id": "c1", "content": "grinder"}
    assert call.response["choices"][0]["message"] == {"role": "assistant", "content": "technical"}
    assert (call.response_text, call.finish_reason) == ("technical", "stop")
    assert call.usage == Usage(input_tokens=100, cached_tokens=64, output_tokens=10)
    assert call.started_at == datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
    assert (call.latency_s, call.first_token_s) == (1.5, 0.4)
    assert (call.feature, call.prompt_version) == ("router", "route@3")
    assert call.tags == {
        "environment": "prod",
        "service": "shop",
        "session": "s1",
        "trace": OTEL_NEW["traceId"],
    }


def test_opentelemetry_in_older_names_and_in_events():
    old, events, failed = calls("otel", jsonl(spans(OTEL_OLD, OTEL_EVENTS, OTEL_FAILED)))
    for call in (old, events):
        assert call.request["messages"] == [{"role": "user", "content": "The grinder is loud."}]
    assert (old.provider, old.response_text, old.finish_reason) == ("openai", "technical", "stop")
    assert old.usage == Usage(input_tokens=100, output_tokens=10)
    assert (events.response_text, events.finish_reason) == ("techn", "length")
    assert (failed.outcome, failed.error) == ("error", "slow down")
    assert failed.response is None


@pytest.mark.parametrize(
    ("response", "status", "error", "said"),
    [
        ({"error": {"message": "overloaded", "code": 503}}, None, "overloaded", ""),
        ({"error": "no such model"}, None, "no such model", ""),
        ({"type": "error", "error": {"type": "x", "message": "m"}, "request_id": "r"}, None, "m", ""),
        ({"error": {"message": "slow"}, "user_id": "u"}, None, "slow", ""),
        ({"message": "invalid"}, 400, "invalid", ""),
        ('{"error": {"message": "slow down"}}', 429, "slow down", ""),
        ("upstream is gone", 502, "upstream is gone", ""),
        ({"error": "E17", "asset": "P-7"}, None, "", '{"error": "E17", "asset": "P-7"}'),
        ({"error": {"asset": "P-7"}}, None, "", '{"error": {"asset": "P-7"}}'),
        ({"error": None}, None, "", '{"error": null}'),
        ('{"error": {"message": "slow down"}}', 200, "", '{"error": {"message": "slow down"}}'),
    ],
)
def test_what_is_an_error_and_what_an_answer_about_one(response, status, error, said):
    known = {"status": status} if status else {}
    [call] = calls("exchanges", jsonl({"request": {"model": "m"}, "response": response, **known}))
    assert (call.outcome, call.error, call.response_text) == ("error" if error else "ok", error, said)


def test_two_calls_whose_answers_hold_the_same_id_are_two():
    rows = [{"request": {"messages": CHAT}, "response": '{"id": "7", "created": 1}'}, {"request": {}}]
    rows[1]["response"] = rows[0]["response"]
    first, second = calls("exchanges", jsonl(*rows))
    assert first.call_id != second.call_id
    assert first.tags["started_at"] == "import"  # `created` is what the model said, not a time


def test_a_call_of_the_ai_sdk_has_its_content():
    [call] = calls("otel", jsonl(spans(OTEL_AI_SDK)))
    system, user, assistant, tool = call.request["messages"]
    assert (system, user) == (CHAT[0], {"role": "user", "content": "The grinder is loud."})
    assert assistant["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"order": 4001}'}
    assert tool == {"role": "tool", "tool_call_id": "c1", "content": "grinder"}
    assert call.request["tools"] == [
        {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    ]
    assert (call.response_text, call.finish_reason, call.first_token_s) == ("technical", "stop", 0.4)
    assert call.usage == Usage(input_tokens=100, cached_tokens=64, output_tokens=10)
    assert (call.task, call.feature, call.tags["shop"]) == ("tickets", "route-ticket", "Leeds")


@pytest.mark.parametrize(
    ("told", "text", "tools"),
    [
        ({"ai__response__object": '{ "desk": 3 }'}, '{ "desk": 3 }', 0),
        ({"ai__result__text": "technical"}, "technical", 0),
        (
            {"ai__response__toolCalls": '[{"toolCallId": "c1", "toolName": "find", "args": {"order": 1}}]'},
            "",
            1,
        ),
        ({}, "", 0),
    ],
)
def test_what_a_call_of_the_ai_sdk_may_answer(told, text, tools):
    told = attributes(
        gen_ai__request__model="m", ai__prompt='{"messages": [{"role": "user", "content": "?"}]}', **told
    )
    [call] = calls("otel", jsonl(spans({**OTEL_AI_SDK, "attributes": told})))
    assert call.request["messages"] == [{"role": "user", "content": "?"}]
    assert call.response_text == text
    message = call.response["choices"][0]["message"] if call.response else {}
    assert [call["function"]["arguments"] for call in message.get("tool_calls", [])] == [
        '{"order": 1}'
    ] * tools


def test_a_call_of_pydantic_ai_has_its_content():
    [call] = calls("otel", jsonl(spans(OTEL_PYDANTIC_AI)))
    assert [message["content"] for message in call.request["messages"]] == [
        "Route the ticket.",
        "The grinder is loud.",
    ]
    assert call.response_text == "technical"
    assert call.usage == Usage(input_tokens=100, output_tokens=10, reasoning_tokens=4)


PARTS = [
    {"role": "user", "parts": [{"type": "text", "content": "The grinder is loud."}]},
    {
        "role": "assistant",
        "parts": [{"type": "thinking", "content": "It is loud."}, {"type": "text", "content": "technical"}],
    },
]
EVENTS = [
    {"event.name": "gen_ai.user.message", "role": "user", "content": "The grinder is loud."},
    {
        "event.name": "gen_ai.assistant.message",
        "role": "assistant",
        "content": [{"kind": "thinking", "text": "It is loud."}, {"kind": "text", "text": "technical"}],
    },
]


@pytest.mark.parametrize(
    "told",
    [
        {"gen_ai__input__messages": json.dumps(PARTS[:1]), "gen_ai__output__messages": json.dumps(PARTS[1:])},
        {"pydantic_ai__all_messages": json.dumps(PARTS)},
        {"all_messages_events": json.dumps(EVENTS)},
    ],
    ids=["messages", "all messages", "all events"],
)
def test_what_a_model_thought_is_no_part_of_its_answer(told):
    span = {**OTEL_PYDANTIC_AI, "attributes": attributes(gen_ai__request__model="m", **told)}
    [call] = calls("otel", jsonl(spans(span)))
    assert call.request["messages"] == [{"role": "user", "content": "The grinder is loud."}]
    assert call.response_text == "technical"


def test_what_logfire_writes_when_a_span_begins_is_no_call():
    told = [*OTEL_PYDANTIC_AI["attributes"], *attributes(logfire__span_type="pending_span")]
    outcomes = read(importer("otel"), jsonl(spans({**OTEL_PYDANTIC_AI, "attributes": told})))
    assert [type(outcome) for outcome in outcomes] == [Skipped]


def test_an_observation_without_an_end_and_an_answer_is_under_way():
    begun = LANGFUSE_RECORDS[0] | {"endTime": None, "output": None, "usageDetails": {}, "costDetails": {}}
    told = [begun, begun | {"output": "technical"}, begun | {"level": "ERROR"}, LANGFUSE_RECORDS[0]]
    found = calls("langfuse", jsonl(*told))
    assert [call.outcome for call in found] == ["interrupted", "ok", "error", "ok"]


def test_each_span_of_other_work_is_skipped_and_counted_beside_the_calls_of_the_same_document():
    outcomes = read(importer("otel"), jsonl(spans(OTEL_SEARCH, OTEL_NEW, OTEL_SEARCH)))
    assert [type(outcome) for outcome in outcomes] == [Skipped, Imported, Skipped]


def test_a_span_that_cannot_be_read_leaves_the_others_of_its_document():
    late = {**OTEL_OLD, "startTimeUnixNano": "yesterday"}
    outcomes = read(importer("otel"), jsonl(spans(OTEL_NEW, late, OTEL_EVENTS)))
    assert [type(outcome) for outcome in outcomes] == [Imported, Rejected, Imported]


def test_a_call_told_as_an_event_and_as_a_span_is_one_call():
    event = {
        "timeUnixNano": OTEL_NEW["endTimeUnixNano"],
        "eventName": "gen_ai.client.inference.operation.details",
        "traceId": OTEL_NEW["traceId"],
        "spanId": OTEL_NEW["spanId"],
        "attributes": OTEL_NEW["attributes"],
    }
    logs = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [event]}]}]}
    [from_event], [from_span] = calls("otel", jsonl(logs)), calls("otel", jsonl(spans(OTEL_NEW)))
    assert from_event.call_id == from_span.call_id
    assert from_event.request["messages"] == from_span.request["messages"]


def test_a_span_as_the_console_exporter_prints_it():
    printed = {
        "name": "chat gpt-4o-mini",
        "context": {"trace_id": "0x5b8e", "span_id": "0xeee1"},
        "start_time": "2026-01-05T10:00:00.000000Z",
        "end_time": "2026-01-05T10:00:02.000000Z",
        "status": {"status_code": "UNSET"},
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small"},
        "resource": {"attributes": {"service.name": "shop"}},
    }
    [call] = calls("otel", json.dumps(printed, indent=4).encode())
    assert (call.model_asked, call.latency_s, call.tags["service"]) == ("small", 2.0, "shop")
    assert call.outcome == "ok"


def test_typed_values_of_otlp():
    told = attributes(
        gen_ai__request__model="m", gen_ai__request__stop_sequences=["a", "b"], gen_ai__request__top_k=5
    )
    [call] = calls("otel", jsonl(spans({**OTEL_OLD, "attributes": told})))
    assert call.request == {"model": "m", "stop_sequences": ["a", "b"], "top_k": 5}


def test_openpipe_in_both_of_its_shapes():
    exported, reported = calls("openpipe", OPENPIPE)
    assert (exported.task, exported.tags) == ("tickets", {"prompt_id": "router"})
    assert exported.request["messages"] == CHAT
    assert (reported.latency_s, reported.started_at, reported.status) == (1.25, TEN, 200)


def test_exchanges_of_an_applications_own_log():
    good, failed = calls("exchanges", EXCHANGES)
    assert (good.tags, good.started_at) == ({"workload": "route", "client": "shop"}, TEN)
    assert (good.model_asked, good.response_text, good.cost_usd) == ("small", "technical", None)
    assert (failed.outcome, failed.status, failed.error) == ("error", 503, "overloaded")
    assert (failed.latency_s, failed.started_at.hour) == (2.0, 9)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_format_is_found_out_and_the_reason_given(name):
    import io

    for sample in SAMPLES[name]:
        found = detect(io.BytesIO(sample), "log")
        assert found.importer.name == name
        assert found.reason


def test_a_record_without_what_makes_a_call_says_what_is_missing():
    outcomes = read(importer("openai-finetune"), jsonl({"messages": CHAT}, {"messages": 3}))
    assert outcomes == [
        Rejected(1, "there is no assistant message, so there is no answer"),
        Rejected(2, "`messages` is not a list of messages"),
    ]
    [late] = read(importer("langfuse"), jsonl(LANGFUSE_RECORDS[0] | {"startTime": "yesterday"}))
    assert late == Rejected(1, "'yesterday' is not a time")


def test_an_answer_kept_as_a_stream_is_put_together():
    pieces = ["tech", "nical"]
    chunks = [
        {
            "object": "chat.completion.chunk",
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": piece}}],
        }
        for piece in pieces
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    stream = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    [call] = calls("exchanges", jsonl({"request": {"model": "m"}, "response": stream}))
    assert (call.response_text, call.finish_reason, call.streamed) == ("technical", "stop", True)
    assert call.response["choices"][0]["message"]["content"] == "technical"
    assert call.raw["response"] == stream
    [plain] = calls("exchanges", jsonl({"request": {"model": "m"}, "response": "data: is what it says"}))
    assert (plain.response_text, plain.response, plain.streamed) == ("data: is what it says", None, False)


@pytest.mark.parametrize(
    ("answer", "endpoint", "text", "reason", "read"),
    [
        (
            {
                "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "MAX_TOKENS"}],
                "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7},
            },
            "generate_content",
            "hi",
            "length",
            5,
        ),
        (
            {
                "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 3},
            },
            "converse",
            "hi",
            "stop",
            8,
        ),
        (
            {"model": "llama3", "message": {"role": "assistant", "content": "hi"}, "done": True}
            | {"done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2},
            "other",
            "hi",
            "stop",
            5,
        ),
        (
            {"response_id": "1", "generation_id": "2", "text": "hi", "finish_reason": "COMPLETE"}
            | {"meta": {"billed_units": {"input_tokens": 5, "output_tokens": 2}}},
            "other",
            "hi",
            "stop",
            5,
        ),
        (
            {"message": {"role": "assistant", "tool_calls": [TOOL_CALL]}, "finish_reason": "TOOL_CALL"}
            | {"usage": {"tokens": {"input_tokens": 5, "output_tokens": 2}}},
            "other",
            "",
            "tool_calls",
            5,
        ),
        (
            {"choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}], "usage": {"prompt_tokens": 5}},
            "completions",
            "hi",
            "stop",
            5,
        ),
        (
            {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "seed": 2**80}
            | {"usage": {"prompt_tokens": 5}},
            "chat",
            "hi",
            "stop",
            5,
        ),
    ],
    ids=["gemini", "bedrock", "ollama", "cohere 1", "cohere 2", "completions", "beyond 64 bits"],
)
def test_the_shape_of_an_answer_tells_whose_it_is(answer, endpoint, text, reason, read):
    [call] = calls("exchanges", jsonl({"request": {"model": "m"}, "response": answer}))
    assert (call.endpoint, call.response_text, call.finish_reason) == (endpoint, text, reason)
    assert call.usage.input_tokens == read
    assert call.raw["response"] == answer
