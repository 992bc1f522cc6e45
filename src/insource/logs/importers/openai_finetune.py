"""OpenAI's fine-tuning files: chat examples with tools and weights, and preference pairs (DPO).

https://platform.openai.com/docs/guides/supervised-fine-tuning, …/direct-preference-optimization

An example becomes a call whose answer is its last assistant message, or the preferred output of a preference
pair. The same shape with a ``system`` text is Bedrock's format for Anthropic models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import BadRecord, text
from insource.logs.importers.messages import said
from insource.logs.importers.protocol import CallDraft, RecordImporter

_ANSWERS = ("preferred_output", "non_preferred_output")


def _recognise(record: Mapping[str, Any]) -> str:
    if all(name in record for name in _ANSWERS):
        return "`preferred_output` beside `non_preferred_output`"
    only = "messages" in record and not {"id", "usage", "response", "model"} & set(record)
    return "`messages`, without a model or a response" if only else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    if "preferred_output" in record:
        request, messages = _preference(record)
    else:
        request = {name: value for name, value in record.items() if name != "messages"}
        messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BadRecord("`messages` is not a list of messages")
    last = max((i for i, message in enumerate(messages) if message.get("role") == "assistant"), default=None)
    if last is None:
        raise BadRecord("there is no assistant message, so there is no answer")
    answer = messages[last]
    called = bool(answer.get("tool_calls") or answer.get("function_call"))
    kind = "preference" if "preferred_output" in record else "example"
    yield CallDraft(
        {
            "endpoint": "messages" if "system" in record else "chat",
            "model_asked": text(record.get("model")),
            "request": {**request, "messages": messages[:last]},
            "response": {"choices": [{"index": 0, "message": answer}]},
            "response_text": said(answer.get("content")),
            "finish_reason": "tool_calls" if called else "unknown",
            "tags": {"fine-tuning": kind, **_weight(answer)},
        }
    )


def _preference(record: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return the request of a preference pair, and its messages followed by the preferred answer."""
    request, preferred = record.get("input"), record["preferred_output"]
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise BadRecord("`input` has no list of messages")
    if not isinstance(preferred, list) or not preferred:
        raise BadRecord("`preferred_output` is not a list of messages")
    return request, [*request["messages"], *preferred]


def _weight(answer: Mapping[str, Any]) -> dict[str, str]:
    return {"weight": text(answer["weight"])} if text(answer.get("weight")) else {}


IMPORTER = RecordImporter(
    "openai-finetune",
    "OpenAI fine-tuning files: chat examples and preference pairs (JSONL); Bedrock's for Anthropic",
    _recognise,
    _convert,
)
