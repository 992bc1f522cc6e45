"""OpenTelemetry: spans and events with ``gen_ai.*`` attributes, in OTLP/JSON or one span per line.

https://opentelemetry.io/docs/specs/semconv/gen-ai/, from version 1.27 on, and the older names that libraries
use (``gen_ai.system``, ``gen_ai.prompt.0.content``, ``llm.request.type``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from insource.formats.values import (
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
from insource.logs.importers.answers import finish_reason
from insource.logs.importers.labels import known
from insource.logs.importers.otel_values import attributes, chat_messages, event_messages, indexed
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.providers.requests import content_text
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
_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR", "ERROR")
Parts = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]  # resource, scope, span or event


def _recognise(record: Mapping[str, Any]) -> str:
    for name in ("resourceSpans", "resourceLogs"):
        if isinstance(record.get(name), list):
            return f"OTLP's `{name}`"
    told = attributes(record.get("attributes"))
    return "a span's `attributes` with `gen_ai.…`" if any(n.startswith("gen_ai.") for n in told) else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    others = 0
    for resource, scope, span in _parts(record):
        told = attributes(span.get("attributes"))
        if _is_call(span, told):
            yield _draft(resource, scope, span, told)
        else:
            others += 1
    if others:  # reported once, after the calls of the same record
        raise NotACall("spans or events that are not calls to a model")


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
            "response_text": content_text(answer.get("content")),
            "streamed": first(told, "gen_ai.request.stream", "llm.is_streaming", "gen_ai.is_streaming")
            is True,
            "finish_reason": reason,
            "usage": _usage(told),
            "cost_usd": cost or None,
            "priced_by": "otel" if cost else "",
            "latency_s": latency,
            "first_token_s": seconds(
                first(told, "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
            ),
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
    started = moment(first(span, "startTimeUnixNano", "start_time"))
    ended = moment(first(span, "endTimeUnixNano", "end_time"))
    if started is None:  # an event is recorded when the call has ended
        told = moment(first(span, "timeUnixNano", "observedTimeUnixNano", "timestamp"))
        took = seconds(attributes(span.get("attributes")).get("gen_ai.client.operation.duration"))
        return (told - timedelta(seconds=min(took or 0, 86400)) if told else None), took
    return started, between(started, ended)


def _messages(span: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return the messages of the request and of the answer, from whichever of the four places has them."""
    from_events = event_messages(items(span.get("events")))
    asked = (
        chat_messages(told.get("gen_ai.input.messages"))
        or indexed(told, "gen_ai.prompt")
        or chat_messages(told.get("gen_ai.prompt"))
        or from_events[0]
    )
    system = opened(told.get("gen_ai.system_instructions"))
    if system:
        asked = [*chat_messages([{"role": "system", "parts": items(system)}]), *asked]
    found = [obj(message) for message in items(told.get("gen_ai.output.messages"))]
    answered: list[dict[str, Any]] = [
        shown | {"finish_reason": message.get("finish_reason")}
        for message in found
        for shown in chat_messages([message])
    ]
    return asked, answered or indexed(told, "gen_ai.completion") or from_events[1]


def _request(told: Mapping[str, Any], asked: list[Any]) -> dict[str, Any]:
    request = {
        name.removeprefix(_PARAMETERS): value for name, value in told.items() if name.startswith(_PARAMETERS)
    }
    tools = opened(told.get("gen_ai.tool.definitions"))
    return request | ({"messages": asked} if asked else {}) | ({"tools": tools} if tools else {})


def _response(told: Mapping[str, Any], answered: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not answered:
        return None
    choices = [
        {
            "index": index,
            "finish_reason": message.get("finish_reason"),
            "message": {name: value for name, value in message.items() if name != "finish_reason"},
        }
        for index, message in enumerate(answered)
    ]
    names = known(id=told.get("gen_ai.response.id"), model=told.get("gen_ai.response.model"))
    return {**names, "choices": choices}


def _usage(told: Mapping[str, Any]) -> Usage:
    def counted(*names: str) -> int | None:
        return count(first(told, *(f"gen_ai.usage.{name}" for name in names)))

    return Usage(
        input_tokens=counted("input_tokens", "prompt_tokens"),
        cached_tokens=counted("cache_read.input_tokens", "cache_read_input_tokens"),
        cache_write_tokens=counted(
            "cache_write.input_tokens", "cache_creation.input_tokens", "cache_creation_input_tokens"
        ),
        output_tokens=counted("output_tokens", "completion_tokens"),
        reasoning_tokens=counted("reasoning.output_tokens", "reasoning_tokens"),
    )


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
    prompt, version = text(told.get("gen_ai.prompt.name")), text(told.get("gen_ai.prompt.version"))
    return {
        "task": text(told.get("insource.task")),
        "feature": text(first(told, "insource.feature", "gen_ai.agent.name")),
        "prompt_version": f"{prompt}@{version}" if prompt and version else prompt or version,
        "user": text(first(told, "user.id", "enduser.id")),
        "tags": known(
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
