"""Records with a request and its response, as applications log them; the base of several formats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from insource.formats.values import between, count, dollars, first, moment, obj, opened, seconds, text
from insource.logs.importers.answers import Answer
from insource.logs.importers.documents import is_error, read_body, read_said
from insource.logs.importers.labels import known, labels
from insource.logs.importers.protocol import CallDraft, RecordImporter

_STARTED = ("started_at", "start_time", "startTime", "created_at", "timestamp", "time", "ts")
_STATUS = ("status", "status_code")
_ENDED = ("ended_at", "end_time", "endTime", "finished_at", "completed_at")


def exchange(
    request: Mapping[str, Any], said: Answer, *, status: Any = None, error: Any = None
) -> dict[str, Any]:
    """Return the fields of ``Call`` that a provider's request and what was read of its answer determine."""
    code = count(status)
    document = said.response or {}
    refused = code is not None and code >= 400
    why = error_text(error) or error_text(
        (document or opened(said.text)) if refused else document.get("error")
    )
    failed = bool(why) or refused
    if refused and said.response is None:  # what a refusal says is its error, not an answer
        said = said._replace(text="")
    named = labels(obj(request.get("metadata")))
    return {
        **said.fields(),
        **named,
        "user": text(request.get("user")) or named["user"],
        "model_asked": text(request.get("model")),
        "request": dict(request),
        "streamed": said.streamed or request.get("stream") is True,
        "status": code,
        "outcome": "error" if failed else "ok",
        "error": why or (f"status {code}" if failed else ""),
    }


def error_text(document: Any) -> str:
    """Return the message of an error: a text, ``{"message": …}``, or either of them under ``error``."""
    if isinstance(document, str):
        return document
    if not isinstance(document, Mapping) or not document:
        return ""
    if inner := document.get("error"):
        return error_text(inner) or "error"
    return text(first(document, "message", "code", "type"))


def created(said: Answer) -> Any:
    """Return the creation time in an answer's document, in seconds since the epoch; None without one."""
    return first(said.response or {}, "created", "created_at")


def own_id(said: Answer) -> str:
    """Return the id of an answer's document; empty without one."""
    return text((said.response or {}).get("id"))


def _recognise(record: Mapping[str, Any]) -> str:
    both = isinstance(record.get("request"), dict) and isinstance(record.get("response"), dict | str)
    return "`request` beside `response`" if both else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    response, status = record.get("response"), count(first(record, *_STATUS))
    refused = isinstance(response, dict) and is_error(response) and (status is None or status >= 400)
    yield beside(record, obj(record.get("request")), read_body(response) if refused else read_said(response))


def beside(record: Mapping[str, Any], request: dict[str, Any], said: Answer) -> CallDraft:
    """Build a call from an exchange and the other fields of its record, under their usual names."""
    started, ended = moment(first(record, *_STARTED)), moment(first(record, *_ENDED))
    latency = seconds(first(record, "latency_s", "duration_s"))
    if latency is None and (milliseconds := seconds(first(record, "latency_ms", "duration_ms"))) is not None:
        latency = milliseconds / 1000
    if latency is None:
        latency = between(started, ended)
    if started is None and ended is not None and latency is not None:
        started = ended - timedelta(seconds=min(latency, 86400))
    fields = exchange(request, said, status=first(record, *_STATUS), error=first(record, "error"))
    fields["model_asked"] = fields["model_asked"] or text(record.get("model"))
    own, beside_it = labels(record), labels(obj(record.get("metadata")))
    for name in ("task", "feature", "prompt_version", "user"):
        fields[name] = fields[name] or own[name] or beside_it[name]
    fields["tags"] |= beside_it["tags"] | known(
        workload=record.get("workload_id"), client=record.get("client_id")
    )
    cost = dollars(record.get("cost_usd"))
    return CallDraft(
        {
            **fields,
            "started_at": started or moment(created(said)),
            "latency_s": latency,
            "cost_usd": cost,
            "priced_by": "the log" if cost is not None else "",
        },
        own_id=text(first(record, "id", "request_id")) or own_id(said),
    )


IMPORTER = RecordImporter(
    "exchanges",
    "An application's own log of `request` beside `response`, any provider's; NVIDIA's flywheel",
    _recognise,
    _convert,
)
