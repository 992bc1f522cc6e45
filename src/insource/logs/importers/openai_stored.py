"""Stored completions and responses of OpenAI and Azure, as their list endpoints return them.

https://platform.openai.com/docs/api-reference/chat/list: a completion includes the request's parameters. Its
messages come from a separate endpoint; they are expected under ``messages``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import moment, text
from insource.logs.importers.documents import read_body
from insource.logs.importers.exchanges import created, exchange
from insource.logs.importers.protocol import CallDraft, RecordImporter

_OBJECTS = {"chat.completion", "text_completion", "response"}
# The parameters of the request that an answer repeats; the rest is the answer.
_ASKED = (
    "model",
    "messages",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "text",
    "temperature",
    "top_p",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "presence_penalty",
    "frequency_penalty",
    "reasoning",
    "truncation",
    "metadata",
)


def _recognise(record: Mapping[str, Any]) -> str:
    kind = record.get("object")
    return f'`"object": "{kind}"`' if isinstance(kind, str) and kind in _OBJECTS else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    request = {name: record[name] for name in _ASKED if record.get(name) is not None}
    answer = {name: value for name, value in record.items() if name not in ("messages", "input")}
    said = read_body(answer)
    fields = exchange(request, said)
    fields["user"] = fields["user"] or text(record.get("input_user"))
    yield CallDraft({**fields, "started_at": moment(created(said))}, own_id=text(record.get("id")))


IMPORTER = RecordImporter(
    "openai-stored",
    "Stored completions and responses of OpenAI and Azure: JSONL, or the pages of the list endpoint",
    _recognise,
    _convert,
)
