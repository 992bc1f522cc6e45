"""Read a request as a call to a model: its body, its model and its tags."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from insource.gateway.call.openai_api import ChatRequest, chat_of
from insource.gateway.call.routes import Destination
from insource.gateway.call.tags import tags_of
from insource.gateway.http.asgi import HttpReply, HttpRequest, TooLarge
from insource.gateway.http.refused import Refused
from insource.gateway.settings import PassThrough
from insource.providers.tags import Tags

_FORM_MODEL = re.compile(rb'; name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,200})\r\n')


class ReadCall(NamedTuple):
    """A request and what the gateway understands of it.

    ``document`` is the parsed body, None where it cannot be read. ``likely_task`` is the task that the
    discovered rules name for a call without one. ``chat`` is set for calls that an insourced task answers.
    """

    request: HttpRequest
    reply: HttpReply
    destination: Destination
    tags: Tags
    document: dict[str, Any] | None = None
    model: str = ""
    streams: bool = False
    likely_task: str = ""
    chat: ChatRequest | None = None


async def read_call(
    request: HttpRequest, reply: HttpReply, destination: Destination, settings: PassThrough
) -> ReadCall:
    """Read what a call says. The body of a request that is not one call to a model is not read here.

    The caller is checked first, so that a stranger cannot fill the memory.

    Raises:
        Refused: the caller is unknown, or the body is too large, is not JSON or is not an object.
        Disconnected: the client closed the connection.
    """
    if destination.endpoint is None:
        return ReadCall(request, reply, destination, tags_of(request, None, destination.task))
    await settings.admission.recognise(request.headers_and_key)
    try:
        await request.read(settings.max_body_bytes)
    except TooLarge:
        raise too_large(settings.max_body_bytes) from None
    document, model = _document_and_model(request, lenient=destination.endpoint == "other")
    tags, likely = tags_of(request, document, destination.task), ""
    if settings.task_of is not None and document and not tags.task:
        likely = settings.task_of(document)
    return ReadCall(
        request,
        reply,
        destination,
        tags,
        document,
        model if isinstance(model, str) else destination.model,
        destination.streams or bool(document and document.get("stream") is True),
        likely,
    )


def chat_request(call: ReadCall) -> ChatRequest:
    """Return the call as a chat completion.

    Raises:
        Refused: it is not a chat completion.
    """
    try:
        return chat_of(call.document)
    except ValueError as error:
        raise Refused(400, "invalid-request", f"Not a chat completion request: {error}.") from error


def too_large(limit: int) -> Refused:
    """Return the refusal of a body of more than ``limit`` bytes."""
    return Refused(413, "request-too-large", f"The request is larger than {limit} bytes.")


def described(request: HttpRequest, path: str) -> dict[str, Any]:
    """Return what is recorded of a request whose content is not: its path, size, type and encoding."""
    declared = request.header("content-length")
    length = int(declared) if not request.body and declared.isdecimal() else len(request.body)
    fields: dict[str, Any] = {"path": path, "bytes": length}
    if request.content_type not in ("", "application/json"):
        fields["content_type"] = request.content_type
    if encoding := request.header("content-encoding"):
        fields["content_encoding"] = encoding
    return fields


def _document_and_model(request: HttpRequest, *, lenient: bool) -> tuple[dict[str, Any] | None, Any]:
    """Return the document and what it names as its model; (None, None) for a compressed body.

    ``lenient`` takes a body that is not a JSON object, and returns None for it.
    """
    if request.header("content-encoding").lower() not in ("", "identity"):
        return None, None
    document = None
    if not lenient or request.content_type == "application/json":
        document = _parsed(request, lenient=lenient)
    return document, document.get("model") if document else _model_in_form(request)


def _parsed(request: HttpRequest, *, lenient: bool) -> dict[str, Any] | None:
    try:
        return _object(request)
    except Refused:
        if lenient:
            return None
        raise


def _object(request: HttpRequest) -> dict[str, Any]:
    if request.content_type != "application/json":
        problem = f"The content type has to be application/json, not {request.content_type or 'absent'}."
        raise Refused(415, "unsupported-content-type", problem)
    try:
        document = msgspec.json.decode(request.body)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Refused(400, "invalid-request", f"The request is not JSON: {why}.") from error
    if not isinstance(document, dict):
        raise Refused(400, "invalid-request", "The request is JSON, but not an object.")
    return document


def _model_in_form(request: HttpRequest) -> str | None:
    """Return the model that a form names (RFC 7578). Its other fields, such as files, are not read."""
    found = _FORM_MODEL.search(request.body) if request.content_type == "multipart/form-data" else None
    return found[1].decode("utf-8", "replace") if found else None
