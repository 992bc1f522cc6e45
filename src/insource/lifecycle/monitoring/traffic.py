"""The calls of a task as the monitor compares them, read from the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from insource.contract.answers import read_answer
from insource.lifecycle.drift.behaviour import Answered
from insource.logs.query import Log
from insource.providers.requests import SYSTEM, messages_of, text_of
from insource.types import Call, OutputSpec

ELSEWHERE = ("not-insourced", "other-format", "other-options")
"""Reasons of calls that ask for something else than the task; they say nothing about its model."""

SLICES = ("feature", "prompt_version")


class Observed(NamedTuple):
    """One call. ``text`` is its document, None where the log has none."""

    call_id: str
    at: datetime
    text: str | None
    slices: dict[str, str]
    answered: Answered
    field_confidences: tuple[float, ...] = ()


def observed(
    log: Log,
    task: str,
    output: OutputSpec,
    *,
    model: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Observed]:
    """Yield the calls that the gateway decided on for a task, in the order in which they started.

    Calls that were given to another version than ``model``, such as a challenger, are left out.
    """
    for call in log.calls(task=task, source="gateway", since=since, until=until):
        route = call.route
        if route is None or call.outcome != "ok" or route.reason.partition(",")[0] in ELSEWHERE:
            continue
        asked = route.version or (route.model if route.to == "local" else "")
        if model and asked and asked != model:
            continue
        yield _observed(call, output)


def _observed(call: Call, output: OutputSpec) -> Observed:
    assert call.route is not None
    local = call.route.to == "local"
    answer = read_answer(call.response_text, output).value if local else None
    return Observed(
        call_id=call.call_id,
        at=call.started_at,
        text=document_in(call),
        slices={name: value for name in SLICES if (value := getattr(call, name))},
        answered=Answered(
            confidence=call.route.confidence,
            escalated=not local,
            latency_s=call.latency_s,
            answer=answer,
            characters=len(call.response_text),
        ),
        field_confidences=tuple(call.route.field_confidences.values()),
    )


def document_in(call: Call) -> str | None:
    """Return the text of all messages but the system's, None where the log holds no request."""
    said = [text_of(content)[0] for role, content in messages_of(call.request) if role != SYSTEM]
    return "\n".join(said) if said else None
