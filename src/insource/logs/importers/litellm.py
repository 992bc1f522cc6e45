"""LiteLLM's spend logs: the table ``LiteLLM_SpendLogs``, as JSON, JSONL or CSV.

https://docs.litellm.ai/docs/proxy/spend_logs. If the proxy does not store prompts, ``messages`` and
``response`` are ``{}``; long texts are truncated with a mark, which the tag ``content`` records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from insource.formats.values import between, count, dollars, first, moment, obj, opened, text
from insource.logs.importers.answers import Answer
from insource.logs.importers.documents import read_body
from insource.logs.importers.labels import known, labels, tag_list
from insource.logs.importers.protocol import CallDraft, RecordImporter
from insource.providers.usage import read_usage
from insource.types import Usage

_OWN = {"call_type", "spend", "startTime", "endTime", "completionStartTime", "request_tags", "model_group"}
_ENDPOINTS = {
    "completion": "chat",
    "text_completion": "completions",
    "embedding": "embeddings",
    "responses": "responses",
    "anthropic_messages": "messages",
    "generate_content": "generate_content",
}
_TOTALS = ("prompt_tokens", "completion_tokens", "total_tokens")
_CUT = "litellm_truncated"
# The metadata that becomes labels; the rest stays in the raw record.
_TOLD = ("task", "feature", "prompt_version", "user_id")


def _recognise(record: Mapping[str, Any]) -> str:
    found = sorted(_OWN & set(record))
    return f"LiteLLM's {', '.join(f'`{name}`' for name in found)}" if len(found) > 2 else ""


def _convert(record: dict[str, Any]) -> Iterator[CallDraft]:
    answer = read_body(opened(record.get("response")))
    metadata = obj(record.get("metadata"))
    error = obj(metadata.get("error_information"))
    failed = text(record.get("status")).lower() == "failure" or bool(
        first(error, "error_message", "error_code")
    )
    started, ended = moment(record.get("startTime")), moment(record.get("endTime"))
    began = moment(record.get("completionStartTime"))
    streamed = began is not None and ended is not None and began < ended
    request = _request(record)
    cost = None if failed else _cost(record)
    kind = text(record.get("call_type"))
    yield CallDraft(
        {
            **answer.fields(),
            **_labels(record, metadata),
            "started_at": started,
            "provider": text(record.get("custom_llm_provider")),
            "endpoint": answer.endpoint
            or _ENDPOINTS.get(kind.removeprefix("a"), kind)
            or _ENDPOINTS.get(kind, ""),
            "model_asked": text(first(record, "model_group", "model")),
            "model_answered": "" if failed else text(record.get("model")) or answer.model,
            "request": request,
            "usage": Usage() if failed else _usage(record, answer, metadata),
            "cost_usd": cost,
            "priced_by": "litellm" if cost is not None else "",
            "latency_s": between(started, ended),
            "first_token_s": between(started, began) if streamed else None,
            "streamed": streamed,
            "status": count(error.get("error_code")),
            "outcome": "error" if failed else "ok",
            "error": text(first(error, "error_message", "error_class")) or "error" if failed else "",
        },
        own_id=text(record.get("request_id")),
    )


def _request(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body sent to the proxy, else the messages; empty when neither was stored."""
    body = obj(record.get("proxy_server_request"))
    body = obj(body.get("body")) or body
    messages = opened(record.get("messages"))
    if messages in (None, "", {}, []) or body.get("messages"):
        return body
    return {**known(model=first(record, "model_group", "model")), **body, "messages": messages}


def _labels(record: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    inner = obj(metadata.get("requester_metadata")) | obj(metadata.get("spend_logs_metadata"))
    told = labels({name: metadata[name] for name in _TOLD if name in metadata} | inner)
    told["user"] = text(first(record, "end_user", "user")) or told["user"]
    told["tags"] |= tag_list(record.get("request_tags")) | known(
        team=record.get("team_id"),
        team_alias=metadata.get("user_api_key_team_alias"),
        key_alias=metadata.get("user_api_key_alias"),
        session=record.get("session_id"),
        cache_hit="yes" if _cache_hit(record) else None,
        content=_cut(record),
    )
    return told


def _cut(record: Mapping[str, Any]) -> str | None:
    kept = (record.get(name) for name in ("messages", "response", "proxy_server_request"))
    return "cut" if any(_CUT in str(value) for value in kept) else None


def _usage(record: Mapping[str, Any], answer: Answer, metadata: Mapping[str, Any]) -> Usage:
    """Return the proxy's totals, with the provider's detailed counts where they were passed on."""
    finer = obj((answer.response or {}).get("usage")) or obj(metadata.get("usage_object"))
    finer = finer or obj(metadata.get("additional_usage_values"))
    totals = {name: found for name in _TOTALS if (found := count(record.get(name))) is not None}
    return read_usage({**finer, **totals}, cache_apart=False if totals else None)


def _cost(record: Mapping[str, Any]) -> Decimal | None:
    """Return the cost. LiteLLM reports 0 for models without a price, so 0 is known only for a cache hit."""
    spent = dollars(record.get("spend"))
    return spent if spent or _cache_hit(record) else None


def _cache_hit(record: Mapping[str, Any]) -> bool:
    return text(record.get("cache_hit")).lower() == "true" or record.get("cache_hit") is True


IMPORTER = RecordImporter(
    "litellm", "LiteLLM's spend logs, `LiteLLM_SpendLogs`: JSON, JSONL or CSV", _recognise, _convert
)
