"""OpenPipe: exported logs (``input``, ``output``, ``tags``) and records of its SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import between, first, moment, obj, opened, text
from insource.logs.importers.documents import read_body
from insource.logs.importers.exchanges import created, exchange, own_id
from insource.logs.importers.labels import labels
from insource.logs.importers.protocol import CallDraft, RecordImporter


def _recognise(record: Mapping[str, Any]) -> str:
    if "reqPayload" in record and "respPayload" in record:
        return "`reqPayload` beside `respPayload`"
    asked, answered = obj(record.get("input")), obj(record.get("output"))
    return (
        "a request under `input` beside a response under `output`"
        if ("messages" in asked and "choices" in answered)
        else ""
    )


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    said = read_body(opened(first(record, "respPayload", "output")))
    started, ended = moment(record.get("requestedAt")), moment(record.get("receivedAt"))
    fields = exchange(
        obj(first(record, "reqPayload", "input")),
        said,
        status=record.get("statusCode"),
        error=record.get("errorMessage"),
    )
    told = labels(obj(record.get("tags")))
    for name in ("task", "feature", "prompt_version", "user"):
        fields[name] = told[name] or fields[name]
    fields["tags"] |= told["tags"]
    yield CallDraft(
        {
            **fields,
            "started_at": started or moment(created(said)),
            "latency_s": between(started, ended),
        },
        own_id=text(record.get("id")) or own_id(said),
    )


IMPORTER = RecordImporter(
    "openpipe", "OpenPipe's exported logs: `input`, `output`, `tags` (JSONL)", _recognise, _convert
)
