"""The calls table: what is queried has a column, the rest of a call is in ``payload``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    Row,
    Table,
    Text,
    case,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from insource.clock import from_microseconds, to_microseconds
from insource.money import from_nano_usd, to_nano_usd
from insource.store.database import METADATA, Database
from insource.types import Call, Frozen, Usage

CALLS = Table(
    "calls",
    METADATA,
    Column("call_id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),  # microseconds since the epoch
    Column("task", Text, nullable=False),
    Column("model", Text, nullable=False),  # that answered; that was asked when none did
    Column("model_asked", Text, nullable=False),
    Column("model_answered", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("finish_reason", Text, nullable=False),
    Column("status", Integer),
    Column("input_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_nano_usd", BigInteger),
    Column("latency_s", Double),
    Column("first_token_s", Double),
    Column("simulated", Boolean, nullable=False),
    Column("route_to", Text),
    Column("route_reason", Text),
    Column("confidence", Double),
    Column("threshold", Double),
    Column("payload", JSON, nullable=False),
    Index("calls_by_time", "started_at"),
    Index("calls_by_task", "task", "started_at"),
    Index("calls_by_model", "model", "started_at"),
)

_SAME_IN_BOTH = ("call_id", "task", "model_asked", "model_answered", "outcome", "finish_reason", "status")
_MEASURED = ("latency_s", "first_token_s", "simulated")
_USAGE = tuple(Usage.model_fields)
_PAYLOAD = ("request", "response_text", "error", "tags", "route")


class ModelStats(Frozen):
    """The calls of one model. ``errors`` are all that did not end well; sums skip what is unknown.

    ``cost_usd`` is None when no call has a known price; ``unpriced`` counts those without one.
    ``p50_s`` and ``p95_s`` are nearest-rank percentiles of the latency in seconds.
    """

    model: str
    simulated: bool
    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced: int
    p50_s: float | None
    p95_s: float | None


def insert_calls(connection: Connection, calls: Sequence[Call]) -> int:
    """Store calls; one whose ``call_id`` is there already stays as it is. Returns how many were new."""
    if not calls:
        return 0
    statement = insert(CALLS).on_conflict_do_nothing(index_elements=["call_id"])
    return connection.execute(statement, [_row(call) for call in calls]).rowcount


def get_call(database: Database, call_id: str) -> Call | None:
    """The call of this id, or None."""
    with database.read() as connection:
        row = connection.execute(select(CALLS).where(CALLS.c.call_id == call_id)).one_or_none()
    return None if row is None else _call(row)


def find_calls(
    database: Database,
    *,
    task: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Call]:
    """Calls in the order they started; with ``limit``, the latest that many.

    ``model`` is the one that answered, or was asked when none answered.
    """
    query = select(CALLS).order_by(CALLS.c.started_at.desc(), CALLS.c.call_id.desc()).limit(limit)
    if task is not None:
        query = query.where(CALLS.c.task == task)
    if model is not None:
        query = query.where(CALLS.c.model == model)
    if since is not None:
        query = query.where(CALLS.c.started_at >= to_microseconds(since))
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [_call(row) for row in reversed(rows)]


def call_stats(database: Database) -> tuple[ModelStats, ...]:
    """One line a model, simulated calls apart, most calls first."""
    group = (CALLS.c.model, CALLS.c.simulated)
    totals = select(
        *group,
        func.count().label("calls"),
        func.sum(case((CALLS.c.outcome == "ok", 0), else_=1)).label("errors"),
        func.coalesce(func.sum(CALLS.c.input_tokens), 0).label("input_tokens"),
        func.coalesce(func.sum(CALLS.c.output_tokens), 0).label("output_tokens"),
        func.sum(CALLS.c.cost_nano_usd).label("cost_nano_usd"),
        func.sum(case((CALLS.c.cost_nano_usd.is_(None), 1), else_=0)).label("unpriced"),
    ).group_by(*group)
    ranked = (
        select(
            *group,
            CALLS.c.latency_s,
            func.row_number().over(partition_by=group, order_by=CALLS.c.latency_s).label("rank"),
            func.count().over(partition_by=group).label("n"),
        )
        .where(CALLS.c.latency_s.is_not(None))
        .subquery()
    )

    def percentile(hundredths: int) -> Any:  # the value whose rank is ceil(p * n), in whole numbers
        rank = (ranked.c.n * hundredths + 99) // 100
        return func.max(case((ranked.c.rank == rank, ranked.c.latency_s)))

    latencies = select(ranked.c.model, ranked.c.simulated, percentile(50), percentile(95)).group_by(
        ranked.c.model, ranked.c.simulated
    )
    with database.read() as connection:
        percentiles = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(latencies)}
        rows = connection.execute(totals.order_by(func.count().desc(), CALLS.c.model)).all()
    return tuple(_stats(row, *percentiles.get((row.model, row.simulated), (None, None))) for row in rows)


def _stats(row: Row[Any], p50_s: float | None, p95_s: float | None) -> ModelStats:
    fields = row._asdict()
    cost_usd = from_nano_usd(fields.pop("cost_nano_usd"))
    return ModelStats(**fields, cost_usd=cost_usd, p50_s=p50_s, p95_s=p95_s)


def _row(call: Call) -> dict[str, Any]:
    columns = {name: getattr(call, name) for name in (*_SAME_IN_BOTH, *_MEASURED)}
    route = call.route
    return {
        **columns,
        **call.usage.model_dump(),
        "started_at": to_microseconds(call.started_at),
        "model": call.model_answered or call.model_asked,
        "cost_nano_usd": to_nano_usd(call.cost_usd),
        "route_to": route and route.to,
        "route_reason": route and route.reason,
        "confidence": route and route.confidence,
        "threshold": route and route.threshold,
        "payload": call.model_dump(mode="json", include=set(_PAYLOAD)),
    }


def _call(row: Row[Any]) -> Call:
    fields = row._mapping
    return Call(
        **{name: fields[name] for name in (*_SAME_IN_BOTH, *_MEASURED)},
        **fields["payload"],
        started_at=from_microseconds(fields["started_at"]),
        usage=Usage(**{name: fields[name] for name in _USAGE}),
        cost_usd=from_nano_usd(fields["cost_nano_usd"]),
    )
