"""Invented records in the formats that importers read; every one of them is a call."""

import csv
import io
import json

CHAT = [
    {"role": "system", "content": "Route the ticket."},
    {"role": "user", "content": "The grinder of order 4001 makes a loud noise."},
]
TOOLS = [{"type": "function", "function": {"name": "route", "parameters": {"type": "object"}}}]
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "route", "arguments": '{"to":"desk 3"}'},
}


def jsonl(*records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def table(*records):
    """The same as CSV, objects spelled as JSON in their cells."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\r\n")
    writer.writeheader()
    for record in records:
        cells = {key: json.dumps(v) if isinstance(v, dict | list) else v for key, v in record.items()}
        writer.writerow(cells)
    return text.getvalue().encode()


def completion(number, text="technical", **others):
    """An OpenAI chat completion."""
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1767225600 + number,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 110,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
        "system_fingerprint": "fp_1",
        **others,
    }


def message(number, **others):
    """An Anthropic message."""
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [{"type": "text", "text": "technical"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 30,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 10,
            "output_tokens": 9,
        },
        **others,
    }


FINETUNE = jsonl(
    {"messages": [*CHAT, {"role": "assistant", "content": "technical", "weight": 1}]},
    {"messages": [*CHAT, {"role": "assistant", "tool_calls": [TOOL_CALL]}], "tools": TOOLS},
    {"messages": [*CHAT, {"role": "assistant", "content": "technical", "weight": 1}]},
    {
        "input": {"messages": CHAT, "tools": [], "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": "technical"}],
        "non_preferred_output": [{"role": "assistant", "content": "It may be technical, or not."}],
    },
    {"system": "JSON only", "messages": [CHAT[1], {"role": "assistant", "content": '{"desk": 3}'}]},
)
STORED = jsonl(
    completion(
        1, messages=CHAT, metadata={"task": "tickets", "team": "shop"}, temperature=0.2, input_user="u7"
    ),
    completion(2, messages=CHAT, tools=TOOLS, request_id="req_2"),
    {
        "id": "resp_3",
        "object": "response",
        "created_at": 1767225603,
        "model": "gpt-4.1-mini",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "input": [{"role": "user", "content": "Hello"}],
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Half an ans"}]}],
        "usage": {
            "input_tokens": 12,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 1},
        },
    },
)
BATCH = jsonl(
    {
        "id": "batch_req_1",
        "custom_id": "row-1",
        "response": {"status_code": 200, "request_id": "req_1", "body": completion(1)},
        "error": None,
    },
    {
        "id": "batch_req_2",
        "custom_id": "row-2",
        "response": {
            "status_code": 400,
            "request_id": "req_2",
            "body": {"error": {"message": "too long", "type": "invalid_request_error"}},
        },
        "error": None,
    },
    {
        "id": "batch_req_3",
        "custom_id": "row-3",
        "response": None,
        "error": {"code": "batch_expired", "message": "not done in 24 hours"},
    },
)
BATCH_INPUT = jsonl(
    *(
        {
            "custom_id": f"row-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4o-mini", "messages": CHAT, "user": f"u{number}"},
        }
        for number in (3, 1, 2)
    )
)
ANTHROPIC = jsonl(
    {
        "timestamp": "2026-01-05T10:00:00Z",
        "request": {
            "model": "claude-haiku-4-5",
            "max_tokens": 50,
            "system": "Route the ticket.",
            "messages": CHAT[1:],
            "metadata": {"user_id": "u7"},
        },
        "response": message(1),
        "latency_ms": 812,
    },
    message(2, stop_reason="max_tokens"),
    {"request": {"model": "claude-haiku-4-5", "messages": CHAT[1:]}, "response": message(3)},
)
ANTHROPIC_BATCH = jsonl(
    {"custom_id": "a", "result": {"type": "succeeded", "message": message(1)}},
    {
        "custom_id": "b",
        "result": {
            "type": "errored",
            "error": {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "no max_tokens"},
            },
        },
    },
    {"custom_id": "c", "result": {"type": "expired"}},
)
LANGFUSE_RECORDS = (
    {
        "id": "obs-1",
        "traceId": "tr-1",
        "type": "GENERATION",
        "name": "route-ticket",
        "startTime": "2026-01-05T10:00:00.000Z",
        "endTime": "2026-01-05T10:00:01.500Z",
        "completionStartTime": "2026-01-05T10:00:00.400Z",
        "model": "gpt-4o-mini",
        "modelParameters": {"temperature": 0.2},
        "input": CHAT,
        "output": {"role": "assistant", "content": "technical"},
        "usageDetails": {
            "input": 36,
            "input_cached_tokens": 64,
            "output": 6,
            "output_reasoning_tokens": 4,
            "total": 110,
        },
        "costDetails": {"input": 0.00001, "output": 0.000006, "total": 0.000016},
        "totalCost": 0.000016,
        "promptName": "router",
        "promptVersion": 3,
        "userId": "u7",
        "sessionId": "s1",
        "level": "DEFAULT",
        "statusMessage": None,
        "tags": ["beta", "eu"],
        "metadata": {"task": "tickets", "shop": "Leeds"},
    },
    {
        "id": "obs-2",
        "traceId": "tr-1",
        "type": "GENERATION",
        "name": "route-ticket",
        "startTime": "2026-01-05 10:01:00.000000",
        "endTime": "2026-01-05 10:01:02.000000",
        "completionStartTime": None,
        "model": "our-own-model",
        "modelParameters": {},
        "input": "Where is my parcel?",
        "output": None,
        "usageDetails": {},
        "costDetails": {},
        "totalCost": 0,
        "promptName": None,
        "promptVersion": None,
        "userId": None,
        "sessionId": None,
        "level": "ERROR",
        "statusMessage": "timeout",
        "tags": [],
        "metadata": None,
    },
)
LANGFUSE_SPAN = {**LANGFUSE_RECORDS[0], "id": "obs-9", "type": "SPAN"}
LITELLM_RECORDS = (
    {
        "request_id": "chatcmpl-77",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0000210,
        "total_tokens": 110,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "startTime": "2026-01-05T10:00:00.000Z",
        "endTime": "2026-01-05T10:00:02.000Z",
        "completionStartTime": "2026-01-05T10:00:00.500Z",
        "model": "azure/gpt-4o-mini",
        "model_group": "small",
        "custom_llm_provider": "azure",
        "api_base": "https://shop.openai.azure.com",
        "user": "u1",
        "end_user": "u7",
        "metadata": {"usage_object": completion(1)["usage"], "user_api_key_alias": "shop", "task": "tickets"},
        "cache_hit": "False",
        "request_tags": ["beta"],
        "team_id": "team-1",
        "messages": CHAT,
        "response": completion(77),
        "status": "success",
        "proxy_server_request": {"model": "small", "messages": CHAT, "temperature": 0},
        "session_id": "s1",
    },
    {
        "request_id": "chatcmpl-78",
        "call_type": "aembedding",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0,
        "total_tokens": 7,
        "prompt_tokens": 7,
        "completion_tokens": 0,
        "startTime": "2026-01-05T10:01:00.000Z",
        "endTime": "2026-01-05T10:01:00.200Z",
        "completionStartTime": "2026-01-05T10:01:00.200Z",
        "model": "text-embedding-3-small",
        "model_group": "",
        "custom_llm_provider": "openai",
        "api_base": "",
        "user": "",
        "end_user": "",
        "metadata": {},
        "cache_hit": "",
        "request_tags": [],
        "team_id": "",
        "messages": {},
        "response": {},
        "status": "success",
        "proxy_server_request": {},
        "session_id": "s2",
    },
    {
        "request_id": "9f1c",
        "call_type": "acompletion",
        "api_key": "",
        "spend": 0.0,
        "total_tokens": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "startTime": "2026-01-05T10:02:00.000Z",
        "endTime": "2026-01-05T10:02:01.000Z",
        "completionStartTime": "2026-01-05T10:02:01.000Z",
        "model": "gpt-4o-mini",
        "model_group": "small",
        "custom_llm_provider": "azure",
        "api_base": "",
        "user": "",
        "end_user": "",
        "metadata": {"error_information": {"error_code": "429", "error_message": "slow down"}},
        "cache_hit": "",
        "request_tags": [],
        "team_id": "",
        "messages": {},
        "response": {},
        "status": "failure",
        "proxy_server_request": {
            "model": "small",
            "messages": [{"role": "user", "content": "ab (litellm_truncated 9 chars)"}],
        },
        "session_id": "s3",
    },
)
HELICONE_RECORDS = (
    {
        "request_id": "11111111-2222-4333-8444-555555555555",
        "request_created_at": "2026-01-05T10:00:00.000Z",
        "request_body": {"model": "gpt-4o-mini", "messages": CHAT, "stream": True},
        "request_path": "/v1/chat/completions",
        "request_user_id": "u7",
        "request_properties": {"task": "tickets", "Helicone-Session-Id": "s1"},
        "request_model": "gpt-4o-mini",
        "response_id": "66666666-2222-4333-8444-555555555555",
        "response_created_at": "2026-01-05T10:00:01.000Z",
        "response_body": completion(1),
        "response_status": 200,
        "response_model": "gpt-4o-mini-2024-07-18",
        "delay_ms": 990,
        "time_to_first_token": 210,
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "prompt_cache_read_tokens": 64,
        "provider": "OPENAI",
        "cost": 0.000021,
        "country_code": "GB",
    },
    {
        "request_id": "21111111-2222-4333-8444-555555555555",
        "request_created_at": "2026-01-05T10:01:00.000Z",
        "request_body": {"model": "gpt-4o-mini", "messages": CHAT},
        "request_path": "/v1/chat/completions",
        "request_user_id": "",
        "request_properties": {},
        "request_model": "gpt-4o-mini",
        "response_id": "",
        "response_created_at": "",
        "response_body": {},
        "response_status": -3,
        "response_model": "",
        "delay_ms": "",
        "time_to_first_token": "",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "prompt_cache_read_tokens": 0,
        "provider": "OPENAI",
        "cost": 0,
        "country_code": "GB",
    },
)


def value(found):
    """A value as OTLP types it."""
    if isinstance(found, bool):
        return {"boolValue": found}
    if isinstance(found, int):
        return {"intValue": str(found)}
    if isinstance(found, list):
        return {"arrayValue": {"values": [value(item) for item in found]}}
    return {"doubleValue": found} if isinstance(found, float) else {"stringValue": found}


def attributes(**found):
    return [{"key": key.replace("__", "."), "value": value(item)} for key, item in found.items()]


def span(number, told, **others):
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"eee19b7ec3c1b{number:03d}",
        "name": "chat gpt-4o-mini",
        "kind": 3,
        "startTimeUnixNano": str(1767607200000000000 + number),
        "endTimeUnixNano": str(1767607201500000000 + number),
        "attributes": told,
        **others,
    }


def spans(*found):
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(service__name="shop", deployment__environment="prod")},
                "scopeSpans": [{"scope": {"name": "genai", "version": "1"}, "spans": list(found)}],
            }
        ]
    }


OTEL_NEW = span(
    1,
    attributes(
        gen_ai__operation__name="chat",
        gen_ai__provider__name="openai",
        gen_ai__request__model="gpt-4o-mini",
        gen_ai__request__temperature=0.2,
        gen_ai__response__model="gpt-4o-mini-2024-07-18",
        gen_ai__response__id="chatcmpl-1",
        gen_ai__response__finish_reasons=["stop"],
        gen_ai__response__time_to_first_chunk=0.4,
        gen_ai__usage__input_tokens=100,
        gen_ai__usage__output_tokens=10,
        gen_ai__usage__cache_read__input_tokens=64,
        gen_ai__conversation__id="s1",
        gen_ai__agent__name="router",
        gen_ai__prompt__name="route",
        gen_ai__prompt__version="3",
        gen_ai__system_instructions=json.dumps([{"type": "text", "content": "Route the ticket."}]),
        gen_ai__input__messages=json.dumps(
            [
                {"role": "user", "parts": [{"type": "text", "content": "The grinder is loud."}]},
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"order": 4001}}
                    ],
                },
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": "grinder"}]},
            ]
        ),
        gen_ai__output__messages=json.dumps(
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "text", "content": "technical"}],
                    "finish_reason": "stop",
                }
            ]
        ),
    ),
)
OTEL_OLD = span(
    2,
    attributes(
        gen_ai__system="OpenAI",
        llm__request__type="chat",
        gen_ai__request__model="gpt-4o-mini",
        gen_ai__prompt__0__role="user",
        gen_ai__prompt__0__content="The grinder is loud.",
        gen_ai__completion__0__role="assistant",
        gen_ai__completion__0__content="technical",
        gen_ai__completion__0__finish_reason="stop",
        gen_ai__usage__prompt_tokens=100,
        gen_ai__usage__completion_tokens=10,
    ),
)
OTEL_EVENTS = span(
    3,
    attributes(gen_ai__system="openai", gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o-mini"),
    events=[
        {"name": "gen_ai.user.message", "attributes": attributes(content="The grinder is loud.")},
        {
            "name": "gen_ai.choice",
            "attributes": attributes(index=0, finish_reason="length", message='{"content": "techn"}'),
        },
    ],
)
# As Vercel's AI SDK writes its calls: figures under gen_ai, content under ai.
OTEL_AI_SDK = span(
    6,
    attributes(
        gen_ai__system="openai.chat",
        gen_ai__request__model="gpt-4o-mini",
        gen_ai__request__temperature=0.2,
        gen_ai__response__finish_reasons=["stop"],
        gen_ai__usage__input_tokens=100,
        gen_ai__usage__output_tokens=10,
        ai__usage__cachedInputTokens=64,
        ai__operationId="ai.generateText.doGenerate",
        ai__telemetry__functionId="route-ticket",
        ai__telemetry__metadata__task="tickets",
        ai__telemetry__metadata__shop="Leeds",
        ai__prompt__messages=json.dumps(
            [
                {"role": "system", "content": "Route the ticket."},
                {"role": "user", "content": [{"type": "text", "text": "The grinder is loud."}]},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool-call",
                            "toolCallId": "c1",
                            "toolName": "find",
                            "input": {"order": 4001},
                        }
                    ],
                },
                {
                    "role": "tool",
                    "content": [
                        {
                            "type": "tool-result",
                            "toolCallId": "c1",
                            "toolName": "find",
                            "output": {"type": "text", "value": "grinder"},
                        }
                    ],
                },
            ]
        ),
        ai__prompt__tools=[
            json.dumps({"type": "function", "name": "find", "inputSchema": {"type": "object"}})
        ],
        ai__response__text="technical",
        ai__response__msToFirstChunk=400,
    ),
    name="ai.generateText.doGenerate",
)
# As pydantic-ai writes its calls, in its first version.
OTEL_PYDANTIC_AI = span(
    7,
    attributes(
        gen_ai__operation__name="chat",
        gen_ai__system="openai",
        gen_ai__request__model="gpt-4o-mini",
        gen_ai__usage__input_tokens=100,
        gen_ai__usage__output_tokens=10,
        gen_ai__usage__details__reasoning_tokens=4,
        events=json.dumps(
            [
                {"event.name": "gen_ai.system.message", "role": "system", "content": "Route the ticket."},
                {
                    "event.name": "gen_ai.user.message",
                    "role": "user",
                    "content": "The grinder is loud.",
                    "gen_ai.message.index": 0,
                },
                {
                    "event.name": "gen_ai.choice",
                    "index": 0,
                    "message": {"role": "assistant", "content": "technical"},
                },
            ]
        ),
    ),
)
OTEL_FAILED = span(
    4,
    attributes(gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o-mini", error__type="429"),
    status={"code": 2, "message": "slow down"},
)
OTEL_SEARCH = span(5, attributes(db__system="postgresql"), name="SELECT")
OTEL = jsonl(
    spans(OTEL_NEW, OTEL_OLD), spans(OTEL_EVENTS), spans(OTEL_FAILED), spans(OTEL_AI_SDK, OTEL_PYDANTIC_AI)
)
OPENPIPE = jsonl(
    {
        "input": {"model": "gpt-4o-mini", "messages": CHAT, "temperature": 0},
        "output": completion(1),
        "tags": {"prompt_id": "router", "task": "tickets"},
    },
    {
        "requestedAt": 1767607200000,
        "receivedAt": 1767607201250,
        "reqPayload": {"model": "gpt-4o-mini", "messages": CHAT},
        "respPayload": completion(2),
        "statusCode": 200,
        "tags": {},
    },
)
EXCHANGES = jsonl(
    {
        "timestamp": 1767607200,
        "workload_id": "route",
        "client_id": "shop",
        "request": {"model": "small", "messages": CHAT},
        "response": completion(1),
    },
    {
        "id": "own-2",
        "started_at": "2026-01-05T10:00:00+01:00",
        "ended_at": "2026-01-05T10:00:02+01:00",
        "status": 503,
        "request": {"model": "small", "messages": CHAT},
        "response": {"error": {"message": "overloaded"}},
    },
)

SAMPLES = {
    "openai-finetune": [FINETUNE],
    "openai-stored": [
        STORED,
        json.dumps([json.loads(line) for line in STORED.splitlines()], indent=1).encode(),
    ],
    "openai-batch": [BATCH],
    "anthropic": [ANTHROPIC],
    "anthropic-batch": [ANTHROPIC_BATCH],
    "langfuse": [jsonl(*LANGFUSE_RECORDS), table(*LANGFUSE_RECORDS)],
    "litellm": [jsonl(*LITELLM_RECORDS), table(*LITELLM_RECORDS)],
    "helicone": [jsonl(*HELICONE_RECORDS), table(*HELICONE_RECORDS)],
    "otel": [OTEL],
    "openpipe": [OPENPIPE],
    "exchanges": [EXCHANGES],
}
