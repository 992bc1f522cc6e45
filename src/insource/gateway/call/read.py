"""Read a request as a call to a model: its body, its model and its tags."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from insource.formats.values import BadRecord, parse_json
from insource.gateway.call.decisions_api import DecisionRequest, decisions_of
from insource.gateway.call.openai_api import ChatRequest, chat_of
from insource.gateway.call.routes import Destination
from insource.gateway.call.tags import PREFIX, tags_of
from insource.gateway.http.asgi import HttpReply, HttpRequest, TooLarge
from insource.gateway.http.refused import Refused
from insource.gateway.settings import PassThrough
from insource.logs.call_values import AUDIT_OF, CallStart
from insource.providers.framing import start_of
from insource.providers.tags import Tags

_FORM_MODEL = re.compile(rb'; name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,200})\r\n')


class ReadCall(NamedTuple):
    """A request and what the gateway understands of it.

    ``document`` is the parsed body, None where it cannot be read. ``as_spelled`` says that the body is strict
    JSON, so its own bytes can be recorded. ``problem`` is why the gateway itself cannot answer the request;
    an upstream gets it as it came, and decides. ``key_task`` is the only task of the caller's key.
    ``likely_task`` is the task that the discovered rules name for a call without one. ``unguessed`` says that
    they could not, because the prompt cannot be read. ``own`` says that the call is for an insourced task;
    otherwise that task's cloud gets it as it came. ``decisions`` is set for calls that ask typed
    questions, ``chat`` for completions that an insourced task answers.
    """

    request: HttpRequest
    reply: HttpReply
    destination: Destination
    tags: Tags
    document: dict[str, Any] | None = None
    model: str = ""
    streams: bool = False
    key_task: str = ""
    likely_task: str = ""
    unguessed: bool = False
    own: bool = False
    chat: ChatRequest | None = None
    decisions: DecisionRequest | None = None
    as_spelled: bool = False
    problem: Refused | None = None


class _Body(NamedTuple):
    document: dict[str, Any] | None = None
    strict: bool = True
    problem: Refused | None = None


async def read_call(
    request: HttpRequest, reply: HttpReply, destination: Destination, settings: PassThrough
) -> ReadCall:
    """Read what a call says. The body of a request that is not one call to a model is not read here.

    The caller is checked first, so that a stranger cannot fill the memory.

    Raises:
        Refused: the caller is unknown, the body is too large, or it has tags that cannot be removed.
        Disconnected: the client closed the connection.
    """
    if destination.endpoint is None:
        return ReadCall(request, reply, destination, tags_of(request, None, destination.task))
    key_task = await settings.admission.recognise(request.headers_and_key)
    try:
        await request.read(settings.max_body_bytes)
    except TooLarge:
        raise too_large(settings.max_body_bytes) from None
    body = _read_body(request, lenient=destination.endpoint == "other")
    document, model = body.document, _model_of(request, body.document)
    if document is None and PREFIX.encode() in request.body and body.problem is not None:
        raise body.problem  # our tags in it cannot be removed, and the upstream must not get them
    tags, likely, unguessed = tags_of(request, document, destination.task), "", False
    if settings.task_of is not None and not tags.task:
        likely = settings.task_of(document) if document else ""
        unguessed = document is None and destination.endpoint != "other"
    return ReadCall(
        request,
        reply,
        destination,
        tags,
        document,
        model if isinstance(model, str) else destination.model,
        destination.streams or bool(document and document.get("stream") is True),
        key_task,
        likely,
        unguessed,
        as_spelled=document is not None and body.strict,
        problem=body.problem,
    )


def chat_request(call: ReadCall) -> ChatRequest:
    """Return the call as a chat completion.

    Raises:
        Refused: it is not a chat completion.
    """
    if call.problem is not None:
        raise call.problem
    try:
        return chat_of(call.document)
    except ValueError as error:
        raise Refused(400, "invalid-request", f"Not a chat completion request: {error}.") from error


def decision_request(call: ReadCall) -> DecisionRequest:
    """Return the call as typed questions about one input.

    Raises:
        Refused: it is not such a request.
    """
    if call.problem is not None:
        raise call.problem
    try:
        return decisions_of(call.document or {})
    except ValueError as error:
        raise Refused(400, "invalid-request", f"Not a request for decisions: {error}.") from error


def too_large(limit: int) -> Refused:
    """Return the refusal of a body of more than ``limit`` bytes."""
    return Refused(413, "request-too-large", f"The request is larger than {limit} bytes.")


def start_of_call(call: ReadCall, key_name: str, task: str) -> CallStart:
    """Return what is recorded of a call before it is made. ``key_name`` is that of the caller's key."""
    destination = call.destination
    tags = {"key": key_name} if key_name else {}
    if call.likely_task and task == call.likely_task:
        tags["task_by"] = "rule"
    if call.request.audit is not None:
        tags[AUDIT_OF] = call.request.audit.of
    return CallStart(
        request=recorded(call),
        request_bytes=call.request.body if call.as_spelled else None,
        model_asked=call.model,
        source="gateway" if call.request.audit is None else "audit",
        task=task,
        feature=call.tags.feature,
        prompt_version=call.tags.prompt_version,
        user=call.tags.user,
        provider=destination.upstream.name if destination.upstream else "",
        endpoint=destination.endpoint or "other",
        streamed=call.streams,
        tags=tags or None,
    )


def recorded(call: ReadCall) -> dict[str, Any] | None:
    """Return the request as it is recorded; None if its own bytes are."""
    if call.as_spelled:
        return None
    if call.document is not None:
        return call.document
    fields = described(call.request, call.destination.path)
    return fields if call.problem is None else fields | {"unread": start_of(call.request.body)}


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


def _model_of(request: HttpRequest, document: dict[str, Any] | None) -> Any:
    return document.get("model") if document else _model_in_form(request)


def _read_body(request: HttpRequest, *, lenient: bool) -> _Body:
    """Return what the body says; nothing of a compressed one.

    ``lenient`` takes any body and reads only one that is declared as JSON.
    """
    is_json = request.content_type == "application/json"
    if request.header("content-encoding").lower() not in ("", "identity") or (lenient and not is_json):
        return _Body()
    problem = None
    if not is_json:
        message = f"The content type has to be application/json, not {request.content_type or 'absent'}."
        problem = Refused(415, "unsupported-content-type", message)
    try:
        document, strict = _parsed(request.body)
    except ValueError as error:
        unread = None if lenient else problem or Refused(400, "invalid-request", str(error))
        return _Body(problem=unread)
    return _Body(document, strict, problem)


def _parsed(body: bytes) -> tuple[dict[str, Any], bool]:
    """Return the JSON object in a body, and whether it is strict JSON.

    Raises:
        ValueError: with the reason in words.
    """
    strict = True
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        strict = False
        try:
            document = parse_json(body.decode("utf-8", "replace"))
        except BadRecord as error:
            raise ValueError(f"The request is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ValueError("The request is JSON, but not an object.")
    return document, strict


def _model_in_form(request: HttpRequest) -> str | None:
    """Return the model that a form names (RFC 7578). Its other fields, such as files, are not read."""
    found = _FORM_MODEL.search(request.body) if request.content_type == "multipart/form-data" else None
    return found[1].decode("utf-8", "replace") if found else None
