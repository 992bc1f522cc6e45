"""Logs of Anthropic messages: requests with their messages, or the messages alone.

https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import BadRecord, obj
from insource.logs.importers.documents import read_body
from insource.logs.importers.exchanges import beside
from insource.logs.importers.protocol import CallDraft, RecordImporter

_REQUESTS = ("request", "input", "params", "body")
_ANSWERS = ("response", "output", "message", "result")


def _recognise(record: Mapping[str, Any]) -> str:
    if record.get("type") == "message" and "stop_reason" in record:
        return '`"type": "message"` with a `stop_reason`'
    for name in _ANSWERS:
        if obj(record.get(name)).get("type") == "message":
            return f'`{name}` with `"type": "message"`'
    return ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    if record.get("type") == "message":
        yield beside({}, {}, read_body(record))
        return
    answers = (obj(record.get(name)) for name in _ANSWERS)
    answer = next((one for one in answers if one.get("type") in ("message", "error")), None)
    if answer is None:
        raise BadRecord("`response` has neither a message nor an error of Anthropic")
    request = next((found for name in _REQUESTS if (found := obj(record.get(name)))), {})
    draft = beside(record, request, read_body(answer))
    yield CallDraft({**draft.fields, "endpoint": "messages", "provider": "anthropic"}, own_id=draft.own_id)


IMPORTER = RecordImporter(
    "anthropic",
    "Logs of Anthropic's messages: `request` beside `response`, or the messages alone (JSONL)",
    _recognise,
    _convert,
)
