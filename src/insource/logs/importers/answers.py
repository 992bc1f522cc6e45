"""Parse answers by their shape, because other tools' logs seldom name the API.

OpenAI, Anthropic and Gemini documents and streams are parsed as in the gateway (``insource.providers``). Also
supported: documents of Bedrock, Ollama and Cohere, a bare message, plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from insource.formats.values import count, items, obj, text
from insource.providers import Endpoint, open_reader
from insource.providers.dialect import finish_of
from insource.providers.requests import content_text
from insource.providers.usage import read_usage
from insource.types import FinishReason, Usage

# Finish reasons that ``insource.providers`` does not know.
_FINISH: dict[str, FinishReason] = {
    "complete": "stop",
    "tool_call": "tool_calls",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
_STREAM = re.compile(r"\s*(?:data|event):")
_STREAMS: tuple[tuple[str, Endpoint], ...] = (
    ("chat.completion.chunk", "chat"),
    ("text_completion", "completions"),
    ("response.", "responses"),
    ("message_start", "messages"),
    ("candidates", "generate_content"),
)
_STREAM_HEAD = 4096


class Answer(NamedTuple):
    """An answer's text, finish reason, token counts, model, kind of call and document, as far as known."""

    text: str = ""
    finish_reason: FinishReason = "unknown"
    usage: Usage = Usage()
    model: str = ""
    endpoint: str = ""
    response: dict[str, Any] | None = None
    streamed: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the fields of ``Call`` that the answer determines."""
        return {
            "response": self.response,
            "response_text": self.text,
            "finish_reason": self.finish_reason,
            "usage": self.usage,
            "model_answered": self.model,
            "endpoint": self.endpoint,
            "streamed": self.streamed,
        }


def read_answer(document: Any) -> Answer:
    """Parse an answer document, a message, a list of messages (the last one counts), a stream or a text."""
    if isinstance(document, str):
        return _stream(document) if _STREAM.match(document) else Answer(text=document)
    if isinstance(document, list):
        return read_answer(document[-1]) if document and isinstance(document[-1], dict) else Answer()
    if not isinstance(document, dict) or not document:
        return Answer()
    for fits, read in _SHAPES:
        if fits(document):
            return read(document)
    return Answer(
        usage=read_usage(obj(document.get("usage"))), model=text(document.get("model")), response=document
    )


def finish_reason(value: Any) -> FinishReason:
    """Map a provider's finish reason to Insource's."""
    word = text(value).lower()
    return _FINISH.get(word) or finish_of(word)


def _stream(events: str) -> Answer:
    head = events[:_STREAM_HEAD]
    endpoint = next((endpoint for sign, endpoint in _STREAMS if sign in head), None)
    if endpoint is not None:
        found = _read(endpoint, events.encode("utf-8", "replace"), streamed=True)
        if found.response is not None:
            return found
    return Answer(text=events)


def _document(endpoint: Endpoint) -> Callable[[dict[str, Any]], Answer]:
    def read(document: dict[str, Any]) -> Answer:
        try:
            data = msgspec.json.encode(document)
        except (OverflowError, UnicodeEncodeError):  # an integer of more than 64 bits
            data = json.dumps(document).encode()
        return _read(endpoint, data, streamed=False)

    return read


def _read(endpoint: Endpoint, data: bytes, *, streamed: bool) -> Answer:
    reader = open_reader(endpoint, streamed=streamed, max_bytes=len(data))
    reader.feed(data)
    reader.close()
    return Answer(
        reader.text, reader.finish_reason, reader.usage, reader.model, endpoint, reader.response, streamed
    )


def _bedrock(document: dict[str, Any]) -> Answer:
    return Answer(
        text=content_text(obj(obj(document["output"]).get("message")).get("content")),
        finish_reason=finish_reason(document.get("stopReason")),
        usage=read_usage(obj(document.get("usage"))),
        endpoint="converse",
        response=document,
    )


def _ollama(document: dict[str, Any]) -> Answer:
    said = document["message"] if "message" in document else document["response"]
    return Answer(
        text=content_text(said.get("content")) if isinstance(said, dict) else text(said),
        finish_reason=finish_reason(document.get("done_reason")),
        usage=Usage(
            input_tokens=count(document.get("prompt_eval_count")),
            output_tokens=count(document.get("eval_count")),
        ),
        model=text(document.get("model")),
        endpoint="other",
        response=document,
    )


def _cohere(document: dict[str, Any]) -> Answer:
    return Answer(
        text=content_text(obj(document["message"]).get("content")),
        finish_reason=finish_reason(document["finish_reason"]),
        usage=read_usage(obj(obj(document.get("usage")).get("tokens"))),
        endpoint="other",
        response=document,
    )


def _message(message: dict[str, Any]) -> Answer:
    """Wrap a bare message in the shape of a chat completion."""
    return Answer(
        text=content_text(message.get("content")),
        finish_reason=finish_reason(message.get("finish_reason")),
        usage=read_usage(obj(message.get("usage"))),
        model=text(message.get("model")),
        response={"choices": [{"index": 0, "message": message}]},
    )


def _is_embeddings(document: dict[str, Any]) -> bool:
    first = obj(next(iter(items(document.get("data"))), None))
    return document.get("object") == "list" and "embedding" in first


def _is_chat(document: dict[str, Any]) -> bool:
    choices = document.get("choices")
    return isinstance(choices, list) and any("message" in obj(choice) for choice in choices)


Fits = Callable[[dict[str, Any]], bool]
_SHAPES: tuple[tuple[Fits, Callable[[dict[str, Any]], Answer]], ...] = (
    (_is_chat, _document("chat")),
    (lambda found: isinstance(found.get("choices"), list), _document("completions")),
    (lambda found: isinstance(found.get("output"), list), _document("responses")),
    (lambda found: found.get("type") == "message" and "content" in found, _document("messages")),
    (lambda found: "stop_reason" in found and "content" in found, _document("messages")),
    (lambda found: isinstance(found.get("candidates"), list), _document("generate_content")),
    (lambda found: "message" in obj(found.get("output")), _bedrock),
    (_is_embeddings, _document("embeddings")),
    (lambda found: "done" in found and ("message" in found or "response" in found), _ollama),
    (lambda found: "finish_reason" in found and "message" in found, _cohere),
    (lambda found: "role" in found, _message),
)
