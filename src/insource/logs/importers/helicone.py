"""Helicone: exports of ``npx @helicone/export`` or the query API, as JSON, JSONL or CSV.

https://docs.helicone.ai/tools/export. Bodies are included only with ``--include-body``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import between, count, dollars, first, moment, obj, opened, seconds, text
from insource.logs.importers.documents import read_body
from insource.logs.importers.exchanges import error_text
from insource.logs.importers.labels import known, labels
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.providers.usage import read_usage
from insource.types import Usage
from insource.types.call import Outcome

_OWN = {"request_created_at", "response_created_at", "response_status", "request_properties", "response_id"}
# Helicone's columns by the names of the counts that they hold.
_COUNTS = {
    "prompt_tokens": "prompt_tokens",
    "cached_tokens": "prompt_cache_read_tokens",
    "cache_write_tokens": "prompt_cache_write_tokens",
    "completion_tokens": "completion_tokens",
    "reasoning_tokens": "reasoning_tokens",
}
_AUDIO = {"audio_input_tokens": "prompt_audio_tokens", "audio_output_tokens": "completion_audio_tokens"}
_CANCELLED = -3  # Helicone's status for a client that disconnected; its other negative ones are failures


def _recognise(record: Mapping[str, Any]) -> str:
    found = sorted(_OWN & set(record))
    return f"Helicone's {', '.join(f'`{name}`' for name in found)}" if len(found) > 2 else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    request = obj(record.get("request_body"))
    document = opened(record.get("response_body"))
    answer = read_body(document)
    started, ended = moment(record.get("request_created_at")), moment(record.get("response_created_at"))
    status = _status(record.get("response_status"))
    outcome = _outcome(status)
    cost = dollars(first(record, "cost", "costUSD", "cost_usd"))
    waited, first_token = seconds(record.get("delay_ms")), seconds(record.get("time_to_first_token"))
    asked = first(record, "request_model", "model_override", "model") or request.get("model")
    yield CallDraft(
        {
            **answer.fields(),
            **_labels(record),
            "started_at": started,
            "provider": text(record.get("provider")).lower(),
            "model_asked": text(asked),
            "model_answered": text(record.get("response_model")) or answer.model,
            "request": request,
            "streamed": answer.streamed or request.get("stream") is True,
            "usage": _usage(record, answer.usage),
            "cost_usd": cost or None,  # Helicone reports 0 for models without a price
            "priced_by": "helicone" if cost else "",
            "latency_s": between(started, ended) if waited is None else waited / 1000,
            "first_token_s": None if first_token is None else first_token / 1000,
            "status": status if status is not None and status > 0 else None,
            "outcome": outcome,
            "error": "" if outcome == "ok" else error_text(obj(document)) or f"status {status}",
        },
        own_id=text(first(record, "response_id", "request_id")),
    )


def _status(value: Any) -> int | None:
    spelled = text(value).strip()
    negative = spelled.startswith("-")
    number = count(spelled.removeprefix("-"))
    return -number if negative and number is not None else number


def _outcome(status: int | None) -> Outcome:
    if status is None or 0 <= status < 400:
        return "ok"
    return "interrupted" if status == _CANCELLED else "error"


def _labels(record: Mapping[str, Any]) -> dict[str, Any]:
    told = labels(obj(record.get("request_properties")) | obj(record.get("properties")))
    tags = told["tags"]
    prompt = text(first(record, "prompt_id")) or tags.get("Helicone-Prompt-Id", "")
    version = text(record.get("prompt_version"))
    told["prompt_version"] = told["prompt_version"] or (
        f"{prompt}@{version}" if prompt and version else prompt
    )
    told["user"] = text(first(record, "request_user_id", "user_id", "helicone_user")) or told["user"]
    told["tags"] = tags | known(
        path=record.get("request_path"),
        country=record.get("country_code"),
        rating=first(obj(record.get("request_feedback")), "rating", "score"),
    )
    return told


def _usage(record: Mapping[str, Any], answered: Usage) -> Usage:
    """Return Helicone's counts, completed from the answer.

    If input and output are both 0, only the answer counts.
    """
    found = read_usage({name: count(record.get(column)) for name, column in _COUNTS.items()})
    found = found.model_copy(update={name: count(record.get(column)) for name, column in _AUDIO.items()})
    if not found.input_tokens and not found.output_tokens:
        return answered
    return answered.model_copy(update=found.model_dump(exclude_none=True))


IMPORTER = RecordImporter(
    "helicone", "Helicone's exported requests: JSON, JSONL or CSV, best with bodies", _recognise, _convert
)
