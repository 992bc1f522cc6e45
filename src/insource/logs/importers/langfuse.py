"""Langfuse: observations from its user interface, its API or its blob storage export.

https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields. The API and the user
interface use names like ``startTime``, the blob export names like ``start_time``; both are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
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
from insource.logs.importers.answers import read_answer
from insource.logs.importers.labels import known, labels, tag_list
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.types import Usage

_CALLS = {"GENERATION", "EMBEDDING"}
_WORD = re.compile(r"(?<=[a-z0-9])([A-Z])")
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
    output = opened(row.get("output"))
    answer = read_answer(output)
    started, ended = moment(row.get("start_time")), moment(row.get("end_time"))
    first_token = between(started, moment(row.get("completion_start_time")))
    if first_token is None:
        first_token = seconds(row.get("time_to_first_token"))
    latency = between(started, ended)
    usage = _usage(row)
    cost = _cost(row)
    failed = text(row.get("level")).upper() == "ERROR"
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
            "outcome": "error" if failed else "ok",
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
        return {**model, **parameters, "messages": asked}
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
    """Return the token counts.

    Kinds are free text; those with ``input`` in their name are parts of the input.

    Whether ``input`` includes the cached tokens depends on the reporting tool. It does when ``input`` and
    ``output`` alone add up to the total.
    """
    counts = {
        name: found
        for name, value in obj(row.get("usage_details")).items()
        if (found := count(value)) is not None
    }
    if not counts:
        old = obj(row.get("usage"))
        read = count(first(old, "input", "prompt_tokens"))
        answered = count(first(old, "output", "completion_tokens"))
        read = count(first(row, "prompt_tokens", "input_tokens", "input_usage")) if read is None else read
        if answered is None:
            answered = count(first(row, "completion_tokens", "output_tokens", "output_usage"))
        return Usage(input_tokens=read, output_tokens=answered) if read or answered else Usage()
    cached = _sum(counts, lambda name: "cache" in name and "creation" not in name and "write" not in name)
    written = _sum(counts, lambda name: "cache" in name and ("creation" in name or "write" in name))
    reasoning = _sum(counts, lambda name: "reasoning" in name)
    read, answered = counts.get("input"), counts.get("output")
    if read is None or answered is None or counts.get("total") != read + answered:
        read = _sum(counts, lambda name: "input" in name or "cache" in name)
        answered = _sum(counts, lambda name: "output" in name)
    return Usage(
        input_tokens=count(read),
        cached_tokens=cached,
        cache_write_tokens=written,
        output_tokens=count(answered),
        reasoning_tokens=reasoning,
        audio_input_tokens=_sum(counts, lambda name: "audio" in name and "input" in name),
        audio_output_tokens=_sum(counts, lambda name: "audio" in name and "output" in name),
    )


def _sum(counts: Mapping[str, int], fits: Callable[[str], bool]) -> int | None:
    """Return the sum of the kinds that match, without the total; None when none matches."""
    found = [number for name, number in counts.items() if name != "total" and fits(name)]
    return count(sum(found)) if found else None


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
