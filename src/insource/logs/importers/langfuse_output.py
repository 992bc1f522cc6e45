"""The answer in the ``output`` of a Langfuse observation.

Langfuse stores whatever its caller passed, and most exports parse it: an object may be the message of an SDK
integration or the model's own JSON. The rule:

1. A text beside a parsed ``input`` is what the model said: had it been JSON, the export would have parsed it.
   Other texts (CSV cells, the texts of the blob export) are opened.
2. An envelope is an envelope when its keys are complete and it has no other: a provider's answer document; a
   chat message with the role of an answer; a conversation (the last answer counts) or a list of choices (the
   first counts); a list of content parts; pydantic-ai's choice event; the AI SDK's result or its tool calls.
3. Everything else is what the model said: a text as it is, other JSON as JSON.

A model that answers with exactly such an envelope is therefore read as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insource.formats.values import opened, text
from insource.logs.importers.ai_sdk import tool_calls
from insource.logs.importers.answers import Answer, finish_reason
from insource.logs.importers.documents import message_answer, read_document
from insource.logs.importers.messages import (
    ANSWERS,
    as_completion,
    is_conversation,
    is_message,
    is_parts,
    said,
    spelled,
)
from insource.logs.importers.otel_values import chat_messages

_CHOICE = frozenset(("index", "message", "finish_reason", "gen_ai.system", "event.name", "role"))
_NAMED = frozenset(("toolCallId", "toolName"))
_CALL = _NAMED | {"type", "toolCallType", "input", "args", "providerExecuted", "providerMetadata"}
_RESULT = frozenset(("text", "object", "toolCalls", "finishReason", "reasoning", "usage", "files", "sources"))


def read_output(output: Any, asked: Any) -> Answer:
    """Return the answer in an observation's ``output``; ``asked`` is its ``input``."""
    if output is None or output == "":
        return Answer()
    if isinstance(output, str):
        if isinstance(asked, dict | list):
            return Answer(text=output)
        return _envelope(opened(output)) or Answer(text=output)
    return _envelope(output) or Answer(text=spelled(output))


def _envelope(value: Any) -> Answer | None:
    if isinstance(value, list):
        return _list(value)
    if not isinstance(value, dict):
        return None
    if value.get("event.name") == "gen_ai.choice" and value.keys() <= _CHOICE:
        return (
            _choices([{"role": "assistant", **message}])
            if isinstance(message := value.get("message"), dict)
            else None
        )
    if value.keys() <= _RESULT and "finishReason" in value and {"text", "object", "toolCalls"} & set(value):
        return _result(value)
    if is_message(value) and "parts" in value:
        return _choices([value])
    return read_document(value)


def _list(value: list[Any]) -> Answer | None:
    if all(isinstance(call, dict) and _NAMED <= call.keys() <= _CALL for call in value) and value:
        return _result({"toolCalls": value, "finishReason": "tool-calls"})
    if is_parts(value):
        return message_answer({"role": "assistant", "content": value})
    if not is_conversation(value):
        return None
    answers = [message for message in value if message["role"] in ANSWERS]
    return _choices(answers if len(answers) == len(value) else answers[-1:])


def _choices(messages: list[dict[str, Any]]) -> Answer:
    read = [
        shown | {"finish_reason": message.get("finish_reason")}
        for message in messages
        for shown in chat_messages([message])
    ]
    return message_answer(read[0])._replace(response=as_completion(read)) if read else Answer()


def _result(result: Mapping[str, Any]) -> Answer:
    answered = result.get("text") or ("" if result.get("object") is None else spelled(result["object"]))
    calls = tool_calls(result.get("toolCalls"))
    message = {"role": "assistant", "content": said(answered)} | ({"tool_calls": calls} if calls else {})
    answer = message_answer(message) if calls else Answer(text=said(answered))
    return answer._replace(finish_reason=finish_reason(text(result.get("finishReason"))))
