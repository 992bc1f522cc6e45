"""Stream calls of the store in the order they started: those without a task, or those of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Text, cast, select, tuple_

from insource.foundation.clock import to_microseconds
from insource.logs.discovery.prompts import Prompt, read_prompt
from insource.logs.paid import ARM_SOURCE
from insource.providers.requests import called_tool, read_answer
from insource.store.calls.table import CALLS
from insource.store.database import Database

PAGE = 500
NOT_GENERATION = frozenset({"embeddings", "other"})  # other: images, speech, moderation, counting tokens


class Payload(msgspec.Struct):
    """The parts of a stored payload that discovery uses."""

    request: dict[str, Any] | None = None
    response: msgspec.Raw = msgspec.Raw(b"null")
    response_text: str = ""


class UntaggedCall(NamedTuple):
    """An untagged call. ``prompt`` is None when the log has no text for it."""

    call_id: str
    started_at: int  # microseconds since the epoch
    model: str
    ok: bool
    cost_nano_usd: int | None
    output_tokens: int | None
    latency_s: float | None
    prompt: Prompt | None
    payload: Payload

    def answer(self) -> str:
        """Return the answer's text, or the arguments of its tool call."""
        if self.payload.response_text:
            return self.payload.response_text
        return read_answer(msgspec.json.decode(self.payload.response), "")

    def called_tool(self) -> bool:
        """Whether the answer calls a tool."""
        raw = memoryview(self.payload.response)
        return len(raw) > len(b"null") and called_tool(msgspec.json.decode(raw))


_COLUMNS = (
    CALLS.c.call_id,
    CALLS.c.started_at,
    CALLS.c.model,
    CALLS.c.outcome,
    CALLS.c.cost_nano_usd,
    CALLS.c.output_tokens,
    CALLS.c.latency_s,
    CALLS.c.endpoint,
    cast(CALLS.c.payload, Text).label("document"),
)


def untagged(database: Database, since: datetime | None = None, task: str = "") -> Iterator[UntaggedCall]:
    """Yield the calls of generating models that have no task; with ``task``, those that have this one.

    Simulated calls are left out, and so are those that an evaluation asked.
    """
    decoder = msgspec.json.Decoder(Payload)
    chosen = (CALLS.c.task == task, CALLS.c.simulated.is_(False), CALLS.c.source != ARM_SOURCE)
    for row in in_order(database, _COLUMNS, *chosen, since=since):
        if row.endpoint not in NOT_GENERATION:
            yield _record(row, decoder)


def in_order(
    database: Database, columns: Sequence[Any], *conditions: Any, since: datetime | None = None
) -> Iterator[Any]:
    """Yield rows of the calls by start time and id; the columns have ``started_at`` and ``call_id``.

    Each page is read in its own short transaction (keyset pagination). At most one page is in memory, and a
    long read does not block checkpoints of the write-ahead log.
    """
    place = tuple_(CALLS.c.started_at, CALLS.c.call_id)
    query = select(*columns).where(*conditions)
    if since is not None:
        query = query.where(CALLS.c.started_at >= to_microseconds(since))
    query = query.order_by(CALLS.c.started_at, CALLS.c.call_id).limit(PAGE)
    page = query
    while True:
        with database.read() as connection:
            rows = connection.execute(page).all()
        yield from rows
        if len(rows) < PAGE:
            return
        page = query.where(place > (rows[-1].started_at, rows[-1].call_id))


def _record(row: Any, decoder: msgspec.json.Decoder[Payload]) -> UntaggedCall:
    try:
        payload = decoder.decode(row.document)
    except ValueError:  # a payload that no version of Insource has written
        payload = Payload()
    return UntaggedCall(
        call_id=row.call_id,
        started_at=row.started_at,
        model=row.model,
        ok=row.outcome == "ok",
        cost_nano_usd=row.cost_nano_usd,
        output_tokens=row.output_tokens,
        latency_s=row.latency_s,
        prompt=read_prompt(payload.request),
        payload=payload,
    )
