"""Answers as providers stream them, written for the tests, with the document each comes to."""

import json


def events(*documents, named=False, done=False, end="\n"):
    """The bytes of a stream of server-sent events."""
    blocks = [
        (f"event: {document['type']}{end}" if named else "") + f"data: {json.dumps(document)}{end}{end}"
        for document in documents
    ]
    return "".join([*blocks, f"data: [DONE]{end}{end}" if done else ""]).encode()


def _chunk(*choices, **fields):
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_764_000_000}
    head |= {"model": "gpt-4o-mini-2024-07-18", "service_tier": "default", "system_fingerprint": "fp_1"}
    return head | {"choices": list(choices)} | fields


def _choice(delta, index=0, finish=None, logprobs=None):
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _token(text):
    return {"token": text, "logprob": -0.25, "bytes": list(text.encode()), "top_logprobs": []}


def _call(index, **fields):
    return {"tool_calls": [{"index": index, **fields}]}


CHAT_USAGE = {
    "prompt_tokens": 90,
    "completion_tokens": 12,
    "total_tokens": 102,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
}
CHAT_EVENTS = (
    _chunk(_choice({"role": "assistant", "content": "", "refusal": None}), obfuscation="Xy"),
    _chunk(_choice({"content": "Grüße"}, logprobs={"content": [_token("Grüße")], "refusal": None})),
    _chunk(_choice({"role": "assistant", "content": "Hi"}, index=1), _choice({"content": ", 480"})),
    _chunk(_choice({"content": " V"}, logprobs={"content": [_token(" V")], "refusal": None})),
    _chunk(_choice({"content": " V"})),
    _chunk(_choice({}, finish="stop")),
    _chunk(_choice({}, index=1, finish="length")),
    _chunk(usage=CHAT_USAGE),
)
CHAT_STREAM = events(*CHAT_EVENTS, done=True)
CHAT_TEXT = "Grüße, 480 V V"
CHAT_DOCUMENT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_764_000_000,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": CHAT_TEXT, "refusal": None},
            "logprobs": {"content": [_token("Grüße"), _token(" V")], "refusal": None},
            "finish_reason": "stop",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": "Hi"},
            "logprobs": None,
            "finish_reason": "length",
        },
    ],
    "usage": CHAT_USAGE,
}

TOOLS_STREAM = events(
    _chunk(_choice({"role": "assistant", "content": None})),
    _chunk(_choice(_call(0, id="call_a", type="function", function={"name": "look", "arguments": ""}))),
    _chunk(_choice(_call(0, function={"arguments": '{"city":'}))),
    _chunk(_choice(_call(1, id="call_b", type="function", function={"name": "count", "arguments": "{}"}))),
    _chunk(_choice(_call(0, function={"arguments": '"Ulm"}'}))),
    _chunk(_choice({}, finish="tool_calls")),
    done=True,
)
TOOLS_MESSAGE = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"city":"Ulm"}'}},
        {"id": "call_b", "type": "function", "function": {"name": "count", "arguments": "{}"}},
    ],
}

_MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {
        "input_tokens": 20,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
        "output_tokens": 1,
        "service_tier": "standard",
    },
}


def _start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def _delta(index, kind, **delta):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def _stop(index):
    return {"type": "content_block_stop", "index": index}


MESSAGES_STREAM = events(
    {"type": "message_start", "message": _MESSAGE},
    _start(0, type="thinking", thinking="", signature=""),
    _delta(0, "thinking_delta", thinking="Volts"),
    _delta(0, "thinking_delta", thinking=" it is."),
    _delta(0, "signature_delta", signature="c2ln"),
    _stop(0),
    {"type": "ping"},
    _start(1, type="text", text=""),
    _delta(1, "text_delta", text="It runs"),
    _delta(1, "text_delta", text=" at 480 V."),
    _stop(1),
    _start(2, type="tool_use", id="toolu_1", name="look", input={}),
    _delta(2, "input_json_delta", partial_json=""),
    _delta(2, "input_json_delta", partial_json='{"city": "U'),
    _delta(2, "input_json_delta", partial_json='lm"}'),
    _stop(2),
    _start(3, type="tool_use", id="toolu_2", name="now", input={}),
    _stop(3),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 57, "output_tokens_details": {"thinking_tokens": 9}},
    },
    {"type": "message_stop"},
    named=True,
)
MESSAGES_TEXT = "It runs at 480 V."
MESSAGES_DOCUMENT = _MESSAGE | {
    "content": [
        {"type": "thinking", "thinking": "Volts it is.", "signature": "c2ln"},
        {"type": "text", "text": MESSAGES_TEXT},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"city": "Ulm"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
    "usage": _MESSAGE["usage"] | {"output_tokens": 57, "output_tokens_details": {"thinking_tokens": 9}},
}

_TEXT_PART = {"type": "output_text", "text": "480 V", "annotations": [{"type": "url_citation", "url": "x"}]}
_ITEMS = [
    {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Volts."}]},
    {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [_TEXT_PART]},
    {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_1",
        "name": "look",
        "arguments": '{"city":"Ulm"}',
        "status": "completed",
    },
]
RESPONSES_DOCUMENT = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_764_000_000,
    "model": "gpt-5-mini-2025-08-07",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "output": _ITEMS,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 10},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 8},
        "total_tokens": 50,
    },
}
_UNDER_WAY = RESPONSES_DOCUMENT | {"status": "in_progress", "output": [], "usage": None}


def _of(kind, index, **fields):
    return {"type": f"response.{kind}", "output_index": index, "item_id": _ITEMS[index]["id"], **fields}


RESPONSES_EVENTS = [
    {"type": "response.created", "response": _UNDER_WAY},
    {"type": "response.in_progress", "response": _UNDER_WAY},
    _of("output_item.added", 0, item=_ITEMS[0] | {"summary": []}),
    _of("reasoning_summary_part.added", 0, summary_index=0, part={"type": "summary_text", "text": ""}),
    _of("reasoning_summary_text.delta", 0, summary_index=0, delta="Volts."),
    _of("output_item.added", 1, item=_ITEMS[1] | {"content": [], "status": "in_progress"}),
    _of("content_part.added", 1, content_index=0, part=_TEXT_PART | {"text": "", "annotations": []}),
    _of("output_text.delta", 1, content_index=0, delta="480"),
    _of("output_text.delta", 1, content_index=0, delta=" V"),
    _of(
        "output_text.annotation.added",
        1,
        content_index=0,
        annotation_index=0,
        annotation=_TEXT_PART["annotations"][0],
    ),
    _of("content_part.done", 1, content_index=0, part=_TEXT_PART),
    _of("output_item.done", 1, item=_ITEMS[1]),
    _of("output_item.added", 2, item=_ITEMS[2] | {"arguments": "", "status": "in_progress"}),
    _of("function_call_arguments.delta", 2, delta='{"city":'),
    _of("function_call_arguments.delta", 2, delta='"Ulm"}'),
    _of("output_item.done", 2, item=_ITEMS[2]),
    {"type": "response.completed", "response": RESPONSES_DOCUMENT},
]
RESPONSES_EVENTS = [event | {"sequence_number": number} for number, event in enumerate(RESPONSES_EVENTS)]
RESPONSES_STREAM = events(*RESPONSES_EVENTS, named=True)
RESPONSES_TEXT = "480 V"


def _candidate(*parts, **fields):
    return {"index": 0, "content": {"role": "model", "parts": list(parts)}, **fields}


_GEMINI_HEAD = {"modelVersion": "gemini-2.5-flash", "responseId": "r1"}
_GEMINI_USAGE = {
    "promptTokenCount": 40,
    "candidatesTokenCount": 6,
    "thoughtsTokenCount": 11,
    "cachedContentTokenCount": 32,
    "totalTokenCount": 57,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 33}, {"modality": "AUDIO", "tokenCount": 7}],
}
GEMINI_EVENTS = (
    {"candidates": [_candidate({"text": "Vol", "thought": True})], **_GEMINI_HEAD},
    {"candidates": [_candidate({"text": "ts.", "thought": True}, {"text": "4"})], **_GEMINI_HEAD},
    {"candidates": [_candidate({"text": "80 V"})], "usageMetadata": {"promptTokenCount": 40}, **_GEMINI_HEAD},
    {
        "candidates": [
            _candidate({"functionCall": {"name": "look", "args": {"city": "Ulm"}}}, finishReason="STOP")
        ],
        "usageMetadata": _GEMINI_USAGE,
        **_GEMINI_HEAD,
    },
)
GEMINI_STREAM = events(*GEMINI_EVENTS, end="\r\n")
GEMINI_TEXT = "480 V"
GEMINI_DOCUMENT = {
    "candidates": [
        _candidate(
            {"text": "Volts.", "thought": True},
            {"text": "480 V"},
            {"functionCall": {"name": "look", "args": {"city": "Ulm"}}},
            finishReason="STOP",
        )
    ],
    "usageMetadata": _GEMINI_USAGE,
    **_GEMINI_HEAD,
}
