"""Langfuse: observations from its user interface, its API or its blob storage export.

https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields. The API and the user
interface use names like ``startTime``, the blob export names like ``start_time``; both are accepted.
"""

from __future__ import annotations

import re
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
from insource.logs.importers.counts import flat, whole_usage
from insource.logs.importers.labels import known, labels, tag_list
from insource.logs.importers.langfuse_output import read_output
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.types import Usage

_CALLS = {"GENERATION", "EMBEDDING"}
_WORD = re.compile(r"(?<=[a-z0-9])([A-Z])")
_INPUT = ("input", "prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "prompt")
_OUTPUT = ("output", "completion_tokens", "output_tokens", "completionTokens", "outputTokens", "completion")
_TOTAL = ("total_tokens", "totalTokens", "total")
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
    """Return the token counts, of ``usage_details`` or of the older columns."""
    details = flat(obj(row.get("usage_details")))
    if details:
        return _detailed(details)
    old = obj(row.get("usage"))
    read = _first(flat(old), *_INPUT)
    answered = _first(flat(old), *_OUTPUT)
    read = count(first(row, "prompt_tokens", "input_tokens", "input_usage")) if read is None else read
    if answered is None:
        answered = count(first(row, "completion_tokens", "output_tokens", "output_usage"))
    if not read and not answered:
        return Usage()
    return whole_usage(Usage(input_tokens=read, output_tokens=answered), total=_first(flat(old), *_TOTAL))


def _detailed(counts: Mapping[str, int]) -> Usage:
    """Return the token counts in usage details.

    Kinds are free text, kept as they were sent. Langfuse adds up those with ``input`` in their name; without
    a total, its own names are added up here as well. OpenAI's names contain their details.
    """
    kinds: dict[str, list[int]] = {}
    for name, number in counts.items():
        if name not in (*_INPUT, *_OUTPUT, *_TOTAL):
            kinds.setdefault(_kind(name), []).append(number)
    read, answered, total = (_first(counts, *names) for names in (_INPUT, _OUTPUT, _TOTAL))
    if read is None and {"cached", "written", "lifetimes", "audio_input", "input"} & set(kinds):
        read = 0
    if answered is None and {"reasoning", "audio_output", "output"} & set(kinds):
        answered = 0
    lifetimes = [sum(kinds["lifetimes"])] if "lifetimes" in kinds else []
    more_input, more_output = sum(kinds.get("input", ())), sum(kinds.get("output", ()))
    usage = Usage(
        input_tokens=read,
        cached_tokens=max(kinds.get("cached", ()), default=None),
        cache_write_tokens=count(max((*kinds.get("written", ()), *lifetimes), default=None)),
        output_tokens=answered,
        reasoning_tokens=max(kinds.get("reasoning", ()), default=None),
        audio_input_tokens=max(kinds.get("audio_input", ()), default=None),
        audio_output_tokens=max(kinds.get("audio_output", ()), default=None),
    )
    if total is None and _INPUT[0] in counts:
        parts = usage.model_dump(exclude={"input_tokens", "output_tokens"}, exclude_none=True).values()
        total = (read or 0) + (answered or 0) + sum(parts) + more_input + more_output
    return whole_usage(usage, total=total, more_input=more_input, more_output=more_output)


def _kind(name: str) -> str:
    """Return which part of the input or output a kind counts; several spellings may count the same."""
    name = name.lower()
    side = "input" if "input" in name or "prompt" in name else "output"
    if "cache" in name:
        if "creation" not in name and "write" not in name:
            return "cached"
        return "lifetimes" if "5m" in name or "1h" in name else "written"
    if any(word in name for word in ("reasoning", "thought", "thinking")):
        return "reasoning"
    if not any(word in name for word in ("input", "prompt", "output", "completion")):
        return "other"
    return f"audio_{side}" if "audio" in name else side


def _first(counts: Mapping[str, int], *names: str) -> int | None:
    return next((counts[name] for name in names if name in counts), None)


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
