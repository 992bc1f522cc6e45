"""Langfuse: observations from its user interface, its API or its blob storage export.

https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields. The API and the user
interface use names like ``startTime``, the blob export names like ``start_time``; both are accepted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from insource.formats.values import (
    NotACall,
    between,
    count,
    dollars,
    first,
    moment,
    obj,
    opened,
    seconds,
    text,
)
from insource.logs.importers.labels import known, labels, tag_list
from insource.logs.importers.langfuse_output import read_output
from insource.logs.importers.otel_values import chat_messages
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.providers.usage import read_usage
from insource.types import Usage

_CALLS = {"GENERATION", "EMBEDDING"}
_WORD = re.compile(r"(?<=[a-z0-9])([A-Z])")
_SIDES = ("input", "output")
_NAMED = {
    "input": "input",
    "output": "output",
    "cached": "cache_read_input_tokens",
    "written": "cache_creation_input_tokens",
    "reasoning": "reasoning_tokens",
}
_WHOLE = {"cached": "input", "written": "input", "reasoning": "output"}
_OWN = {"completion_start_time", "prompt_name", "prompt_version", "usage_details", "cost_details"}


def _snake(record: Mapping[str, Any]) -> dict[str, Any]:
    return {_WORD.sub(lambda match: f"_{match[1].lower()}", str(name)): record[name] for name in record}


def _recognise(record: Mapping[str, Any]) -> str:
    found = sorted(_OWN & set(_snake(record)))
    return f"Langfuse's {', '.join(f'`{name}`' for name in found)}" if len(found) > 1 else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    row = _snake(record)
    kind = text(row.get("type")).upper() or "GENERATION"
    if kind not in _CALLS:
        raise NotACall(f"an observation of the type {kind[:40]}")
    answer = read_output(row.get("output"), row.get("input"))
    started, ended = moment(row.get("start_time")), moment(row.get("end_time"))
    first_token = between(started, moment(row.get("completion_start_time")))
    if first_token is None:
        first_token = seconds(row.get("time_to_first_token"))
    latency = between(started, ended)
    usage = _usage(row)
    cost = _cost(row)
    failed = text(row.get("level")).upper() == "ERROR"
    under_way = not failed and ended is None and row.get("output") in (None, "") and usage == Usage()
    yield CallDraft(
        {
            **answer.fields(),
            **_labels(row),
            "started_at": started,
            "endpoint": answer.endpoint or ("embeddings" if kind == "EMBEDDING" else "chat"),
            "model_asked": text(first(row, "provided_model_name", "model")),
            "request": _request(row),
            "usage": usage if usage != Usage() else answer.usage,
            "cost_usd": cost,
            "priced_by": "langfuse" if cost is not None else "",
            "latency_s": seconds(row.get("latency")) if latency is None else latency,
            "first_token_s": first_token,
            "streamed": first_token is not None,
            "outcome": "error" if failed else "interrupted" if under_way else "ok",
            "error": text(row.get("status_message")) or "error" if failed else "",
        },
        own_id=text(row.get("id")),
    )


def _request(row: Mapping[str, Any]) -> dict[str, Any]:
    asked = opened(row.get("input"))
    parameters = obj(row.get("model_parameters"))
    model = known(model=first(row, "provided_model_name", "model"))
    if isinstance(asked, dict) and "role" not in asked:
        return {**model, **parameters, **asked}
    if isinstance(asked, dict):
        asked = [asked]
    if isinstance(asked, list):
        parts = any("parts" in message for message in asked if isinstance(message, dict))
        return {**model, **parameters, "messages": chat_messages(asked) if parts else asked}
    return {**model, **parameters} if asked in (None, "") else {**model, **parameters, "prompt": asked}


def _labels(row: Mapping[str, Any]) -> dict[str, Any]:
    told = labels(obj(row.get("metadata")))
    prompt, version = text(row.get("prompt_name")), text(row.get("prompt_version"))
    told["feature"] = told["feature"] or text(first(row, "name", "trace_name"))
    told["prompt_version"] = (f"{prompt}@{version}" if prompt else version) or told["prompt_version"]
    told["user"] = text(row.get("user_id")) or told["user"]
    told["tags"] |= tag_list(first(row, "tags", "trace_tags")) | known(
        trace=row.get("trace_id"),
        trace_name=row.get("trace_name"),
        session=row.get("session_id"),
        environment=row.get("environment"),
        release=row.get("release"),
    )
    return told


def _usage(row: Mapping[str, Any]) -> Usage:
    """Return the token counts, of ``usage_details`` or of the older columns."""
    details = obj(row.get("usage_details"))
    if details:
        return read_usage(_added_up({name: _counted(value) for name, value in details.items()}))
    usage = read_usage({name: _counted(value) for name, value in obj(row.get("usage")).items()})
    if not usage.input_tokens and not usage.output_tokens:
        usage = read_usage(
            {
                "input": count(first(row, "prompt_tokens", "input_tokens", "input_usage")),
                "output": count(first(row, "completion_tokens", "output_tokens", "output_usage")),
            }
        )
    return usage if usage.input_tokens or usage.output_tokens else Usage()


def _counted(value: Any) -> Any:
    return value if isinstance(value, dict) else count(value)


def _added_up(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return usage details under names that ``read_usage`` knows, if they add up.

    Kinds are free text, kept as they were sent. Langfuse writes the details of OpenAI's counts beside what is
    left of ``input`` and ``output``, and the sum of all as the total, if none was sent.
    """
    kinds = {name: number for name, number in details.items() if isinstance(number, int) and name != "total"}
    total = sum(kinds.values())
    if not {"input", "output"} & kinds.keys() or (details.get("total") or total) != total:
        return details
    parts: Counter[str] = Counter()
    for name, number in kinds.items():
        parts[_part(name)] += number
        if "audio" in name:
            parts[f"audio_{_part(name)}"] += number
    parts.update({_WHOLE[part]: 0 for part in _WHOLE if part in parts})  # a whole that only its parts tell
    named: dict[str, Any] = {name: parts[part] for part, name in _NAMED.items() if part in parts}
    heard = {side: parts[f"audio_{side}"] for side in _SIDES if f"audio_{side}" in parts}
    named |= {f"{side}_details": {"audio": number} for side, number in heard.items()}
    return {**named, "total": total - parts[""]}


def _part(kind: str) -> str:
    """Return what a kind is counted as; empty for one that is neither input nor output."""
    name = kind.lower()
    if "cache" in name:
        return "written" if "creation" in name or "write" in name else "cached"
    if any(word in name for word in ("reasoning", "thought", "thinking")):
        return "reasoning"
    return next((side for side in _SIDES if side in name), "")


def _cost(row: Mapping[str, Any]) -> Decimal | None:
    """Return the total cost. Langfuse shows 0 for models without a price, so 0 without details is unknown."""
    parts = obj(row.get("cost_details"))
    total = dollars(first(row, "total_cost", "calculated_total_cost") or parts.get("total"))
    if total is None and parts:
        amounts = [amount for part in parts.values() if (amount := dollars(part)) is not None]
        total = sum(amounts, Decimal(0)) if amounts else None
    return total if total or parts else None


IMPORTER = RecordImporter(
    "langfuse",
    "Langfuse's observations: CSV, JSON, JSONL or Parquet, from its pages, API or blob export",
    _recognise,
    _convert,
)
