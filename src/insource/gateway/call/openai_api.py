"""Requests and answers of OpenAI's chat completions API.

Source: the OpenAI API reference, ``POST /v1/chat/completions``. Only the members that the routing reads have
types. The cloud gets the request's own bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from insource.types import Completion, Message, Usage

CHAT_PATH = "/v1/chat/completions"
INSTRUCTING_ROLES = ("system", "developer")

Logprobs = dict[str, list[dict[str, Any]] | None]
"""The member ``logprobs`` of a choice."""


class ChatMessage(msgspec.Struct):
    role: str
    content: Any = None


class ChatRequest(msgspec.Struct):
    """The members of a chat completion request that the routing reads."""

    model: str
    messages: list[ChatMessage]
    stream: bool | None = None
    stream_options: Any = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: Any = None
    logprobs: Any = None
    top_logprobs: int | None = None
    response_format: Any = None
    tools: Any = None
    functions: Any = None
    modalities: Any = None

    @property
    def include_usage(self) -> bool:
        return isinstance(self.stream_options, dict) and bool(self.stream_options.get("include_usage"))


def chat_of(document: Any) -> ChatRequest:
    """Return the parsed body as a chat completion request.

    Raises:
        ValueError: it is not a chat completion request.
    """
    return msgspec.convert(document, ChatRequest)


def document_of(chat: ChatRequest) -> str | None:
    """Return the document that a task's model can answer, None if the request asks for more.

    That model does not support several turns, tools, images or several choices.
    """
    beyond = chat.tools or chat.functions or chat.n not in (None, 1)
    if beyond or chat.modalities not in (None, ["text"]):
        return None
    documents = [message for message in chat.messages if message.role not in INSTRUCTING_ROLES]
    if len(documents) != 1 or documents[0].role != "user":
        return None
    return _text(documents[0].content)


def messages_of(chat: ChatRequest) -> tuple[Message, ...]:
    """Return the conversation for a ``Model``.

    Raises:
        ValueError: it holds more than text.
    """
    messages = []
    for message in chat.messages:
        text = _text(message.content)
        if text is None or message.role not in (*INSTRUCTING_ROLES, "user", "assistant"):
            raise ValueError(f"a {message.role} message with more than text")
        role = "system" if message.role in INSTRUCTING_ROLES else message.role
        messages.append(Message.model_validate({"role": role, "content": text}))
    return tuple(messages)


def _text(content: Any) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        text = content[0].get("text")
        return text if content[0].get("type") == "text" and isinstance(text, str) else None
    return None


def completion_body(
    completion: Completion, identifier: str, created: int, logprobs: Logprobs | None = None
) -> bytes:
    """Return an answer as one document."""
    finish = _finish_reason(completion)
    message = {"role": "assistant", "content": completion.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}
    return msgspec.json.encode(
        _envelope("chat.completion", completion, identifier, created)
        | {"choices": [choice], "usage": _usage(completion.usage)}
    )


def completion_events(
    completion: Completion,
    identifier: str,
    created: int,
    *,
    include_usage: bool,
    logprobs: Logprobs | None = None,
) -> list[bytes]:
    """Return an answer as server-sent events: role, text, end, usage if requested, ``[DONE]``."""
    envelope = _envelope("chat.completion.chunk", completion, identifier, created)
    steps: list[tuple[dict[str, str], Logprobs | None, str | None]] = [
        ({"role": "assistant", "content": ""}, None, None),
        ({"content": completion.text}, logprobs, None),
        ({}, None, _finish_reason(completion)),
    ]
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "logprobs": sure, "finish_reason": finish}]}
        for delta, sure, finish in steps
    ]
    if include_usage:
        chunks = [chunk | {"usage": None} for chunk in chunks]
        chunks.append({"choices": [], "usage": _usage(completion.usage)})
    return [event(msgspec.json.encode(envelope | chunk)) for chunk in chunks] + [event(b"[DONE]")]


def event(data: bytes) -> bytes:
    """Return one server-sent event."""
    return b"data: " + data + b"\n\n"


def models_body(names: Iterable[str]) -> bytes:
    """Return the list of models."""
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "insource"} for name in names]
    return msgspec.json.encode({"object": "list", "data": models})


def _envelope(kind: str, completion: Completion, identifier: str, created: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{identifier}", "object": kind, "created": created, "model": completion.model}


def _finish_reason(completion: Completion) -> str:
    return "stop" if completion.finish_reason in ("unknown", "error") else completion.finish_reason


def _usage(usage: Usage) -> dict[str, int]:
    prompt, answer = usage.input_tokens or 0, usage.output_tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
