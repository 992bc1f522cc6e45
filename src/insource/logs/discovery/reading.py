"""Stream the untagged calls of the store, in the order they started."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Text, cast, select, tuple_

from insource.foundation.clock import to_microseconds
from insource.logs.discovery.prompts import Prompt, read_prompt
from insource.providers.requests import called_tool, read_answer
from insource.store.calls.table import CALLS
from insource.store.database import Database

PAGE = 500
_NOT_GENERATION = frozenset({"embeddings", "other"})  # other: images, speech, moderation, counting tokens


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


def untagged(database: Database, since: datetime | None = None) -> Iterator[UntaggedCall]:
    """Yield the calls of generating models that have no task; simulated calls are left out.

    Each page is read in its own short transaction (keyset pagination). At most one page is in memory, and a
    long read does not block checkpoints of the write-ahead log.
    """
    decoder = msgspec.json.Decoder(Payload)
    place = tuple_(CALLS.c.started_at, CALLS.c.call_id)
    query = select(*_COLUMNS).where(CALLS.c.task == "", CALLS.c.simulated.is_(False))
    if since is not None:
        query = query.where(CALLS.c.started_at >= to_microseconds(since))
    query = query.order_by(CALLS.c.started_at, CALLS.c.call_id).limit(PAGE)
    page = query
    while True:
        with database.read() as connection:
            rows = connection.execute(page).all()
        for row in rows:
            if row.endpoint not in _NOT_GENERATION:
                yield _record(row, decoder)
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
