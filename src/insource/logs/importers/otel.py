"""OpenTelemetry: spans and events with ``gen_ai.*`` attributes, in OTLP/JSON or one span per line.

https://opentelemetry.io/docs/specs/semconv/gen-ai/, from version 1.27 on, and the older names that libraries
use (``gen_ai.system``, ``gen_ai.prompt.0.content``, ``llm.request.type``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from insource.formats.values import (
    BadRecord,
    NotACall,
    between,
    count,
    dollars,
    first,
    items,
    moment,
    obj,
    opened,
    seconds,
    text,
)
from insource.logs.importers import ai_sdk
from insource.logs.importers.answers import finish_reason
from insource.logs.importers.labels import known, labels
from insource.logs.importers.messages import as_completion, said
from insource.logs.importers.otel_values import (
    attributes,
    chat_messages,
    event_messages,
    indexed,
    listed_messages,
    told_messages,
)
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.providers.usage import read_usage
from insource.types import Usage

_ENDPOINTS = {
    "chat": "chat",
    "text_completion": "completions",
    "completion": "completions",
    "generate_content": "generate_content",
    "embeddings": "embeddings",
    "embedding": "embeddings",
}
_DETAILS = "gen_ai.client.inference.operation.details"
_PARAMETERS = "gen_ai.request."
# The conventions' counts, those of pydantic-ai, of older libraries and of the AI SDK.
_COUNT = re.compile(r"gen_ai\.usage\.(?:details\.)?|llm\.usage\.|ai\.usage\.")
_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR", "ERROR")
Messages = tuple[list[dict[str, Any]], list[dict[str, Any]]]  # of the request, of the answer
Parts = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]  # resource, scope, span or event


def _recognise(record: Mapping[str, Any]) -> str:
    for name in ("resourceSpans", "resourceLogs"):
        if isinstance(record.get(name), list):
            return f"OTLP's `{name}`"
    told = attributes(record.get("attributes"))
    return "a span's `attributes` with `gen_ai.…`" if any(n.startswith("gen_ai.") for n in told) else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft | NotACall | BadRecord]:
    for resource, scope, span in _parts(record):
        told = attributes(span.get("attributes"))
        if not _is_call(span, told):
            yield NotACall("spans or events that are not calls to a model")
            continue
        try:
            yield _draft(resource, scope, span, told)
        except BadRecord as bad:
            yield bad


def _parts(record: Mapping[str, Any]) -> Iterator[Parts]:
    for outer, middle, inner in (
        ("resourceSpans", "scopeSpans", "spans"),
        ("resourceLogs", "scopeLogs", "logRecords"),
    ):
        for group in map(obj, items(record.get(outer))):
            for scoped in map(obj, items(group.get(middle))):
                for span in map(obj, items(scoped.get(inner))):
                    yield obj(group.get("resource")), obj(scoped.get("scope")), span
    if "attributes" in record:  # one span per line, as the SDKs' console exporters print it
        yield obj(record.get("resource")), {}, dict(record)


def _is_call(span: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    if "body" in span or "logRecord" in span or "eventName" in span:
        return text(first(span, "eventName") or told.get("event.name")) == _DETAILS
    if told.get("logfire.span_type") == "pending_span":  # Logfire writes it when a span begins
        return False
    kind = text(first(told, "gen_ai.operation.name", "llm.request.type")).lower()
    if kind:
        return kind in _ENDPOINTS
    return bool(first(told, "gen_ai.request.model", "gen_ai.response.model"))


def _draft(
    resource: dict[str, Any], scope: dict[str, Any], span: dict[str, Any], told: dict[str, Any]
) -> CallDraft:
    started, latency = _times(span)
    asked, answered = _messages(span, told)
    reasons = items(told.get("gen_ai.response.finish_reasons"))
    answer = answered[0] if answered else {}
    reason = finish_reason(next(iter(reasons), None) or answer.get("finish_reason"))
    error = _error(span, told)
    cost = dollars(first(told, "gen_ai.usage.cost", "gen_ai.usage.total_cost"))
    trace, span_id = _ids(span)
    raw = {"resource": resource, "scope": scope, "span": span} if resource or scope else span
    return CallDraft(
        {
            **_labels(resource, told, trace),
            "started_at": started,
            "provider": text(first(told, "gen_ai.provider.name", "gen_ai.system")).lower(),
            "endpoint": _ENDPOINTS.get(
                text(first(told, "gen_ai.operation.name", "llm.request.type")).lower(), "chat"
            ),
            "model_asked": text(first(told, "gen_ai.request.model", "gen_ai.response.model")),
            "model_answered": text(told.get("gen_ai.response.model")),
            "request": _request(told, asked),
            "response": _response(told, answered),
            "response_text": said(answer.get("content")),
            "streamed": first(told, "gen_ai.request.stream", "llm.is_streaming", "gen_ai.is_streaming")
            is True,
            "finish_reason": reason,
            "usage": _usage(told),
            "cost_usd": cost or None,
            "priced_by": "otel" if cost else "",
            "latency_s": latency,
            "first_token_s": seconds(
                first(told, "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
            )
            or _thousandth(told.get("ai.response.msToFirstChunk")),
            "outcome": "error" if error else "ok",
            "error": error,
        },
        own_id=f"{trace}/{span_id}" if trace and span_id else "",
        raw=raw,
    )


def _ids(span: Mapping[str, Any]) -> tuple[str, str]:
    context = obj(span.get("context"))
    trace = text(first(span, "traceId", "trace_id") or context.get("trace_id"))
    own = text(first(span, "spanId", "span_id") or context.get("span_id"))
    return trace.removeprefix("0x"), own.removeprefix("0x")


def _times(span: Mapping[str, Any]) -> tuple[Any, float | None]:
    started = moment(_set(first(span, "startTimeUnixNano", "start_time")))
    ended = moment(_set(first(span, "endTimeUnixNano", "end_time")))
    if started is None:  # an event is recorded when the call has ended
        told = moment(first(span, "timeUnixNano", "observedTimeUnixNano", "timestamp"))
        took = seconds(attributes(span.get("attributes")).get("gen_ai.client.operation.duration"))
        return (told - timedelta(seconds=min(took or 0, 86400)) if told else None), took
    return started, between(started, ended)


def _set(time: Any) -> Any:
    """Return the time, or None for 0: in OTLP, a time that is not set."""
    return None if count(time) == 0 else time


def _thousandth(value: Any) -> float | None:
    milliseconds = seconds(value)
    return None if milliseconds is None else milliseconds / 1000


def _messages(span: Mapping[str, Any], told: Mapping[str, Any]) -> Messages:
    """Return the messages of the request and of the answer, from whichever of the places has them."""
    asked: list[dict[str, Any]] = []
    answered: list[dict[str, Any]] = []
    for found in _places(span, told):
        asked, answered = asked or found[0], answered or found[1]
        if asked and answered:
            break
    system = opened(told.get("gen_ai.system_instructions"))
    if system:
        asked = [*chat_messages([{"role": "system", "parts": items(system)}]), *asked]
    return asked, answered


def _places(span: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Messages]:
    yield chat_messages(told.get("gen_ai.input.messages")), _choices(told.get("gen_ai.output.messages"))
    yield indexed(told, "gen_ai.prompt"), indexed(told, "gen_ai.completion")
    yield (
        told_messages(told.get("gen_ai.prompt"), "user"),
        told_messages(told.get("gen_ai.completion"), "assistant"),
    )
    yield event_messages(items(span.get("events")))
    yield ai_sdk.asked(told), ai_sdk.answered(told)
    for name in ("events", "all_messages_events", "pydantic_ai.all_messages"):
        yield listed_messages(told.get(name))


def _choices(value: Any) -> list[dict[str, Any]]:
    return [
        shown | {"finish_reason": message.get("finish_reason")}
        for message in map(obj, items(value))
        for shown in chat_messages([message])
    ]


def _request(told: Mapping[str, Any], asked: list[Any]) -> dict[str, Any]:
    request = {
        name.removeprefix(_PARAMETERS): value for name, value in told.items() if name.startswith(_PARAMETERS)
    }
    tools = opened(told.get("gen_ai.tool.definitions")) or ai_sdk.tools(told)
    return request | ({"messages": asked} if asked else {}) | ({"tools": tools} if tools else {})


def _response(told: Mapping[str, Any], answered: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not answered:
        return None
    names = known(id=told.get("gen_ai.response.id"), model=told.get("gen_ai.response.model"))
    return {**names, **as_completion(answered)}


def _usage(told: Mapping[str, Any]) -> Usage:
    """Return the token counts. The conventions count cached tokens in the input; some libraries do not."""
    counts = {_COUNT.sub("", name): count(value) for name, value in told.items() if _COUNT.match(name)}
    return read_usage(counts, cache_apart=False)


def _error(span: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    status = obj(span.get("status"))
    kind = text(told.get("error.type"))
    if not kind and first(status, "code", "status_code") not in _ERROR_CODES:
        return ""
    for event in map(obj, items(span.get("events"))):
        if event.get("name") == "exception":
            kind = text(attributes(event.get("attributes")).get("exception.message")) or kind
    return text(first(status, "message", "description")) or kind or "error"


def _labels(resource: Mapping[str, Any], told: Mapping[str, Any], trace: str) -> dict[str, Any]:
    around = attributes(resource.get("attributes"))
    attached = labels(ai_sdk.metadata(told))
    prompt, version = text(told.get("gen_ai.prompt.name")), text(told.get("gen_ai.prompt.version"))
    return {
        "task": text(told.get("insource.task")) or attached["task"],
        "feature": text(first(told, "insource.feature", "gen_ai.agent.name")) or attached["feature"],
        "prompt_version": f"{prompt}@{version}"
        if prompt and version
        else prompt or version or attached["prompt_version"],
        "user": text(first(told, "user.id", "enduser.id")) or attached["user"],
        "tags": attached["tags"]
        | known(
            trace=trace,
            session=first(told, "gen_ai.conversation.id", "session.id"),
            service=around.get("service.name"),
            environment=first(around, "deployment.environment.name", "deployment.environment"),
        ),
    }


IMPORTER = RecordImporter(
    "otel",
    "OpenTelemetry's GenAI spans and events: OTLP/JSON, or one span a line",
    _recognise,
    _convert,
)
