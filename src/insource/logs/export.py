"""Export the log: lossless JSON Lines, CSV for spreadsheets, and OpenAI's fine-tuning format.

JSON is written in ASCII, so that control and invisible characters stay escaped.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias, get_args

from insource.foundation.clock import iso
from insource.logs.query import Log
from insource.store.calls.feedback import Feedback
from insource.types import Call, Usage

Format = Literal["jsonl", "csv", "openai-chat"]
FORMATS: tuple[Format, ...] = get_args(Format)

Skipped: TypeAlias = Counter[str]
"""Number of skipped calls by reason."""

_BATCH = 200
_CSV = (
    *("call_id", "started_at", "source", "task", "feature", "prompt_version", "user", "provider", "endpoint"),
    *("model_asked", "model_answered", "outcome", "finish_reason", "status", "streamed", "simulated"),
    *("cost_usd", "priced_by", "unpriced_because", "usage_estimated"),
    *("latency_s", "first_token_s", "token_gap_s"),
)
_USAGE = tuple(Usage.model_fields)
_TEXTS = ("request", "response_text", "correction", "rating", "error")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # cells that spreadsheets evaluate (OWASP, CSV injection)

_Line = Callable[[Call, Sequence[Feedback]], str]


def export_lines(log: Log, calls: Iterable[Call], format: Format, skipped: Skipped) -> Iterator[str]:
    """Yield the calls as lines with line endings, in their order; few are in memory.

    Calls that the format cannot represent are counted in ``skipped`` by reason.
    """
    if format == "csv":
        yield _csv_line((*_CSV, *_USAGE, *_TEXTS))
    lines: dict[Format, _Line] = {"jsonl": _jsonl, "csv": _csv, "openai-chat": _openai_chat}
    for batch in _batches(calls):
        given = log.feedback(*(call.call_id for call in batch))
        for call in batch:
            try:
                yield lines[format](call, given.get(call.call_id, ()))
            except NotCarried as reason:
                skipped[str(reason)] += 1


class NotCarried(ValueError):
    """The format cannot represent this call; the message is the reason."""


def latest(feedback: Sequence[Feedback], kind: str) -> str | None:
    """Return the value of the latest feedback of this kind, or None."""
    values = [one.value for one in feedback if one.kind == kind]
    return values[-1] if values else None


def document(call: Call, feedback: Sequence[Feedback]) -> dict[str, Any]:
    """Return everything the log knows about a call."""
    said = [one.model_dump(mode="json", exclude={"call_id"}) for one in feedback]
    return {**call.model_dump(mode="json"), "feedback": said}


def _jsonl(call: Call, feedback: Sequence[Feedback]) -> str:
    return json.dumps(document(call, feedback), separators=(",", ":")) + "\n"


def _csv(call: Call, feedback: Sequence[Feedback]) -> str:
    fields = call.model_dump(include=set(_CSV)) | call.usage.model_dump(include=set(_USAGE))
    fields |= {"started_at": iso(call.started_at), "response_text": call.response_text, "error": call.error}
    fields |= {"request": json.dumps(call.request, ensure_ascii=False)}
    fields |= {kind: latest(feedback, kind) for kind in ("correction", "rating")}
    return _csv_line(fields[name] for name in (*_CSV, *_USAGE, *_TEXTS))


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(_cell(value) for value in values)
    return line.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _openai_chat(call: Call, feedback: Sequence[Feedback]) -> str:
    """Return a line of OpenAI's fine-tuning format; a correction replaces the model's answer."""
    correction = latest(feedback, "correction")
    if call.outcome != "ok" and correction is None:
        raise NotCarried(f"outcome {call.outcome}")
    if latest(feedback, "rating") == "down" and correction is None:
        raise NotCarried("rated down and not corrected")
    messages = call.request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise NotCarried("no chat messages")
    answer = {"role": "assistant", "content": correction} if correction is not None else _answer(call)
    given = {name: call.request[name] for name in ("tools", "parallel_tool_calls") if name in call.request}
    return json.dumps({"messages": [*messages, answer], **given}, separators=(",", ":")) + "\n"


def _answer(call: Call) -> dict[str, Any]:
    try:
        said = (call.response or {})["choices"][0]["message"]
        answer = {name: said[name] for name in ("content", "tool_calls", "refusal") if said.get(name)}
    except (KeyError, IndexError, TypeError, AttributeError):
        answer = {"content": call.response_text} if call.response_text else {}
    if not answer:
        raise NotCarried("no answer")
    return {"role": "assistant", **answer}


def _batches(calls: Iterable[Call]) -> Iterator[list[Call]]:
    batch: list[Call] = []
    for call in calls:
        batch.append(call)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
