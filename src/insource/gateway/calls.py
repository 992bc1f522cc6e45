"""From a request to a call: read, checked, tagged, admitted and on record before any byte leaves."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from insource.foundation.errors import InsourceError
from insource.gateway.admission.ask import Admission, AdmissionRequest
from insource.gateway.call.exchange import Exchange
from insource.gateway.call.openai_api import ChatRequest, chat_of
from insource.gateway.call.routes import Destination
from insource.gateway.call.tags import tags_of
from insource.gateway.http.asgi import HttpReply, HttpRequest, TooLarge
from insource.gateway.http.refused import Refused
from insource.gateway.settings import REFERENCE, GatewaySettings, PassThrough
from insource.logs.call_values import CallEnd, CallStart
from insource.logs.recorder import Recorder
from insource.providers import Endpoint
from insource.providers.errors import ApiDialect, error_document
from insource.providers.tags import Tags

if TYPE_CHECKING:
    from insource.gateway.tasks.task import InsourcedTask


_FORM_MODEL = re.compile(rb'; name="?model"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,200})\r\n')


class Read(NamedTuple):
    """A call as far as the gateway understands it. ``document`` is None for a body it cannot read;
    ``likely_task`` is what the rules of discovery say of a call that names no task."""

    document: dict[str, Any] | None
    model: str
    streams: bool
    tags: Tags
    likely_task: str = ""


async def read_call(request: HttpRequest, destination: Destination, settings: PassThrough) -> Read:
    """Read a call's body and what it says, once its caller is known.

    Raises:
        Refused: the caller is a stranger, or the body too large, no JSON, or no object.
        Disconnected: the client went away.
    """
    await settings.admission.recognise(request.headers_and_key)
    limit = settings.max_body_bytes
    try:
        await request.read(limit)
    except TooLarge:
        raise Refused(413, "request-too-large", f"The request is larger than {limit} bytes.") from None
    document = None
    other, model = destination.endpoint == "other", None
    if request.header("content-encoding").lower() in ("", "identity"):  # of others the bytes just pass
        if not other or request.content_type == "application/json":
            document = _parsed(request, lenient=other)
        model = document.get("model") if document else _model_in_form(request)
    tags, likely = tags_of(request, document, destination.task), ""
    if settings.task_of is not None and document and not tags.task:
        likely = settings.task_of(document)
    return Read(
        document=document,
        model=model if isinstance(model, str) else destination.model,
        streams=destination.streams or bool(document and document.get("stream") is True),
        tags=tags,
        likely_task=likely,
    )


def _model_in_form(request: HttpRequest) -> str | None:
    """The model that a form names (RFC 7578). Its other fields, files above all, are not looked at."""
    found = _FORM_MODEL.search(request.body) if request.content_type == "multipart/form-data" else None
    return found[1].decode("utf-8", "replace") if found else None


def _parsed(request: HttpRequest, *, lenient: bool) -> dict[str, Any] | None:
    """The document; with ``lenient``, None for what is none."""
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
        raise Refused(400, "invalid-request", "The request is JSON, but no object.")
    return document


def parsed_chat(call: Read) -> ChatRequest:
    """The call as the chat completion that it has to be.

    Raises:
        Refused: it is none.
    """
    try:
        return chat_of(call.document)
    except ValueError as error:
        raise Refused(400, "invalid-request", f"Not a chat completion request: {error}.") from error


async def admitted(
    request: HttpRequest,
    destination: Destination,
    call: Read,
    settings: PassThrough,
    desk: InsourcedTask | None = None,
) -> Admission:
    """Leave to make the call; with a ``desk``, to have it answered there or by its cloud.

    Raises:
        Refused: there is none.
    """
    upstream = destination.upstream.name if destination.upstream else ""
    model, tags, ours = call.model, call.tags, False
    if desk is not None:
        upstream = REFERENCE if desk.passes_on else ""
        ours = desk.is_ours(model)
        if ours:
            model = desk.cloud.model if desk.cloud is not None else model
            tags = replace(tags, task=tags.task or desk.task.name)
    asked = AdmissionRequest(
        method=request.method,
        path=destination.path,
        headers=request.headers_and_key,
        body=request.body,
        document=call.document,
        tags=tags,
        upstream=upstream,
        endpoint=destination.endpoint or "",
        model=model,
        local=ours and desk is not None and desk.local is not None,
        likely_task="" if tags.task else call.likely_task,
    )
    return await settings.admission.admit(asked)


def begin(
    settings: GatewaySettings,
    request: HttpRequest,
    reply: HttpReply,
    destination: Destination,
    call: Read,
    admission: Admission,
    task: str,
) -> Exchange:
    """Write that the call starts.

    Raises:
        InsourceError: ``spool-unwritable``: do not make the call.
    """
    endpoint: Endpoint = destination.endpoint or "other"
    document = call.document
    tags = {"key": admission.key_name} if admission.key_name else {}
    if call.likely_task and task == call.likely_task:
        tags["task_by"] = "rule"
    recording = settings.recorder.begin_call(
        CallStart(
            request=None if document is not None else _described(request, destination.path),
            request_bytes=request.body if document is not None else None,
            model_asked=call.model,
            source="gateway",
            task=task,
            feature=call.tags.feature,
            prompt_version=call.tags.prompt_version,
            user=call.tags.user,
            provider=destination.upstream.name if destination.upstream else "",
            endpoint=endpoint,
            streamed=call.streams,
            tags=tags or None,
        )
    )
    return Exchange(
        request=request,
        reply=reply,
        recording=recording,
        admission=admission,
        dialect=destination.dialect,
        endpoint=endpoint,
        document=document,
        priced=settings.priced,
        provider=destination.upstream.base_url if destination.upstream else "",
        model=call.model,
        streams=call.streams,
    )


async def turn_away(
    recorder: Recorder,
    request: HttpRequest,
    reply: HttpReply,
    dialect: ApiDialect,
    refusal: Refused,
    tags: Tags,
) -> None:
    """Refuse what is no call or has no leave, and record that one was meant; its content is not kept,
    for strangers shall not fill the log."""
    headers = refusal.headers
    with contextlib.suppress(InsourceError):  # the answer is an error with or without the record
        described = _described(request, request.path) | {"refused": refusal.code}
        key = {"key": refusal.key_name} if refusal.key_name else None
        recording = recorder.begin_call(
            CallStart(request=described, model_asked="", source="gateway", task=tags.task, tags=key)
        )
        recording.end_call(
            CallEnd(outcome="error", finish_reason="error", status=refusal.status, error=refusal.message)
        )
        headers = [*headers, (b"x-insource-call-id", recording.call_id.encode())]
    body = error_document(dialect, refusal.status, refusal.code, refusal.message)
    await reply.whole(refusal.status, body, headers)


def _described(request: HttpRequest, path: str) -> dict[str, Any]:
    declared = request.header("content-length")
    length = int(declared) if not request.body and declared.isdecimal() else len(request.body)
    described: dict[str, Any] = {"path": path, "bytes": length}
    if request.content_type not in ("", "application/json"):
        described["content_type"] = request.content_type
    if encoding := request.header("content-encoding"):
        described["content_encoding"] = encoding
    return described
