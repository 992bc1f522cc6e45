"""Answer documents of providers, recognised by their envelope: OpenAI, Anthropic, Gemini, Bedrock, Ollama,
Cohere.

Other tools' logs seldom name the API. An envelope is recognised by keys that are complete: a JSON object that
merely shares a key with one is not one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

import msgspec

from insource.formats.values import count, obj, text
from insource.logs.importers.answers import Answer, finish_reason
from insource.logs.importers.messages import CONTENT, as_completion, is_message, said, spelled
from insource.providers import Endpoint, open_reader
from insource.providers.requests import content_text
from insource.providers.usage import read_usage
from insource.types import Usage

Document = dict[str, Any]

_STREAM_LINE = re.compile(r"(?:data|event|id|retry)?:|\s*$")
_EVENT = re.compile(r"^data:(.+)", re.MULTILINE)
_FIRST_EVENTS = 5  # one of them tells the API; Azure's first one says only what its filter found
_ITEM = re.compile(r"message|reasoning|compaction|[a-z_]+_call(?:_output)?|mcp_[a-z_]+")
_ERROR = frozenset(
    ("error", "type", "request_id", "user_id", "status", "status_code", "code", "object", "detail", "param")
)
_OF_ERROR = ("message", "code", "type", "status")


def read_body(body: Any) -> Answer:
    """Read what a log keeps as the body of a provider's response: a document, a stream or a text.

    An object that is no known document stays in ``response``; its text is unknown.
    """
    if isinstance(body, str):
        return read_stream(body) or Answer(text=body)
    if not isinstance(body, dict) or not body:
        return Answer()
    return read_document(body) or Answer(
        usage=read_usage(obj(body.get("usage"))), model=text(body.get("model")), response=body
    )


def read_said(answer: Any) -> Answer:
    """Read what a log keeps as the answer: a provider's document or stream, else what the model said.

    A text is never opened. A JSON value that is no document is the model's answer, parsed by the log.
    """
    if answer is None:
        return Answer()
    if isinstance(answer, str):
        return read_stream(answer) or Answer(text=answer)
    found = read_document(answer) if isinstance(answer, dict) else None
    return found or Answer(text=spelled(answer))


def read_document(document: Document) -> Answer | None:
    """Return what an answer document of a provider says; None when the object is none."""
    for fits, read in _SHAPES:
        if fits(document):
            return read(document)
    return None


def is_error(document: Mapping[str, Any]) -> bool:
    """Whether an object is a provider's error and nothing else."""
    error = document.get("error")
    if not error or not document.keys() <= _ERROR:
        return False
    if isinstance(error, dict):
        return any(name in error for name in _OF_ERROR)
    return isinstance(error, str) and document.keys() == {"error"}


def read_stream(events: str) -> Answer | None:
    """Return the answer of an event stream kept as text; None when the text is none.

    Every line has to be one of a stream, and one of its first events that of a known API, in JSON.
    """
    if not events.lstrip().startswith(("data:", "event:")):
        return None
    if not all(_STREAM_LINE.match(line) for line in events.lstrip().split("\n")):
        return None
    first = islice(_EVENT.finditer(events), _FIRST_EVENTS)
    endpoint = next((api for event in first if (api := _endpoint_of(obj(event[1].strip())))), None)
    if endpoint is None:
        return None
    found = _read(endpoint, events.encode("utf-8", "replace"), streamed=True)
    return None if found.response is None else found


def _endpoint_of(event: Document) -> Endpoint | None:
    """Return the API whose stream has this event; None for another object."""
    kind, named = text(event.get("type")), text(event.get("object"))
    if named == "chat.completion.chunk":
        return "chat"
    if named == "text_completion":
        return "completions"
    if kind == "message_start":
        return "messages"
    if kind.startswith("response."):
        return "responses"
    return "generate_content" if isinstance(event.get("candidates"), list) else None


def _document(endpoint: Endpoint) -> Callable[[Document], Answer]:
    def read(document: Document) -> Answer:
        return _read(endpoint, encoded(document), streamed=False)

    return read


def encoded(document: Document) -> bytes:
    try:
        return msgspec.json.encode(document)
    except (OverflowError, UnicodeEncodeError):  # an integer of more than 64 bits
        return json.dumps(document).encode()


def _read(endpoint: Endpoint, data: bytes, *, streamed: bool) -> Answer:
    reader = open_reader(endpoint, streamed=streamed, max_bytes=len(data))
    reader.feed(data)
    reader.close()
    return Answer(
        reader.text, reader.finish_reason, reader.usage, reader.model, endpoint, reader.response, streamed
    )


_chat_document = _document("chat")


def _chat(document: Document) -> Answer:
    """Read a chat completion. A content that is JSON was parsed by the tool that wrote the log."""
    answer = _chat_document(document)
    content = document["choices"][0]["message"].get("content") if document["choices"] else None
    return answer if answer.text or isinstance(content, str) else answer._replace(text=said(content))


def _bedrock(document: Document) -> Answer:
    return Answer(
        text=content_text(document["output"]["message"]["content"]),
        finish_reason=finish_reason(document.get("stopReason")),
        usage=read_usage(obj(document.get("usage"))),
        endpoint="converse",
        response=document,
    )


def _ollama(document: Document) -> Answer:
    told = document["message"] if "message" in document else document["response"]
    return Answer(
        text=said(told.get("content")) if isinstance(told, dict) else text(told),
        finish_reason=finish_reason(document.get("done_reason")),
        usage=Usage(
            input_tokens=count(document.get("prompt_eval_count")),
            output_tokens=count(document.get("eval_count")),
        ),
        model=text(document.get("model")),
        endpoint="other",
        response=document,
    )


def _cohere(document: Document) -> Answer:
    """Read Cohere's chat: the second version has a ``message``, the first one a ``text``."""
    told = obj(document.get("usage")) or obj(document.get("meta"))
    message = document.get("message")
    return Answer(
        text=content_text(message.get("content")) if isinstance(message, dict) else text(document["text"]),
        finish_reason=finish_reason(document["finish_reason"]),
        usage=read_usage(obj(told.get("tokens")) or obj(told.get("billed_units"))),
        endpoint="other",
        response=document,
    )


def message_answer(message: Mapping[str, Any]) -> Answer:
    """Read a bare message, in the shape of a chat completion."""
    return Answer(
        text=said(message.get("content")),
        finish_reason=finish_reason(message.get("finish_reason")),
        usage=read_usage(obj(message.get("usage"))),
        model=text(message.get("model")),
        response=as_completion([message]),
    )


def _is_embeddings(document: Document) -> bool:
    data = document.get("data")
    return document.get("object") == "list" and _all(data, lambda one: "embedding" in one)


def _is_chat(document: Document) -> bool:
    choices = document.get("choices")
    if choices == []:  # an answer that was refused, or an empty one
        return "chat.completion" in (
            document.get("object"),
            text(document.get("object")).removesuffix(".chunk"),
        )
    return _all(
        choices, lambda choice: any(key in _dict(choice.get("message")) for key in ("role", *CONTENT))
    )


def _is_completion(document: Document) -> bool:
    return _all(
        document.get("choices"),
        lambda choice: isinstance(choice.get("text"), str) and bool({"index", "finish_reason"} & set(choice)),
    )


def _is_response(document: Document) -> bool:
    output = document.get("output")
    if document.get("object") == "response":
        return isinstance(output, list)
    return _all(output, lambda item: bool(_ITEM.fullmatch(text(item.get("type")))))


def _is_messages(document: Document) -> bool:
    kept = isinstance(document.get("content"), list)
    return kept and document.get("role") == "assistant" and {"type", "stop_reason"} & set(document) != set()


def _is_gemini(document: Document) -> bool:
    if "usageMetadata" in document and ("promptFeedback" in document or "candidates" in document):
        return True
    return _all(
        document.get("candidates"),
        lambda one: "parts" in _dict(one.get("content")) or "finishReason" in one,
    )


def _is_bedrock(document: Document) -> bool:
    message = _dict(_dict(document.get("output")).get("message"))
    return isinstance(message.get("content"), list) and "stopReason" in document


def _is_ollama(document: Document) -> bool:
    answered = isinstance(document.get("message"), dict) or isinstance(document.get("response"), str)
    return isinstance(document.get("done"), bool) and isinstance(document.get("model"), str) and answered


def _is_cohere(document: Document) -> bool:
    message = _dict(document.get("message"))
    second = "role" in message and bool({"content", "tool_calls"} & set(message))
    first = "generation_id" in document and isinstance(document.get("text"), str)
    return isinstance(document.get("finish_reason"), str) and (first or second)


def _dict(value: Any) -> Document:
    return value if isinstance(value, dict) else {}


def _all(value: Any, fits: Callable[[Document], bool]) -> bool:
    """Whether a value is a list with an item, and every item an object that fits."""
    return (
        isinstance(value, list) and bool(value) and all(isinstance(one, dict) and fits(one) for one in value)
    )


_SHAPES: tuple[tuple[Callable[[Document], bool], Callable[[Document], Answer]], ...] = (
    (_is_chat, _chat),
    (_is_completion, _document("completions")),
    (_is_response, _document("responses")),
    (_is_messages, _document("messages")),
    (_is_gemini, _document("generate_content")),
    (_is_bedrock, _bedrock),
    (_is_embeddings, _document("embeddings")),
    (_is_ollama, _ollama),
    (_is_cohere, _cohere),
    (is_message, message_answer),
)
