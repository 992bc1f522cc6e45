"""Insert calls into the store, look them up, and summarise them by model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, case, func, select

from insource.foundation.clock import to_microseconds
from insource.foundation.money import from_nano_usd
from insource.store.calls.model_names import answering_models
from insource.store.calls.rollups import FACTS, add_to_rollups
from insource.store.calls.row import COLUMNS, StoredRow, call_of_row, row_of_call
from insource.store.calls.table import CALLS
from insource.store.calls.tombstones import purged_among
from insource.store.database import Database
from insource.types import Call, Frozen

_INSERT = "INSERT INTO calls ({}) VALUES ({})".format(
    ", ".join(f'"{name}"' for name in COLUMNS), ", ".join("?" * len(COLUMNS))
)
_STORED = "SELECT value FROM json_each(?) WHERE value IN (SELECT call_id FROM calls)"
_FACTS_OF_ROW = itemgetter(*(COLUMNS.index(name) for name in FACTS))


class ModelStats(Frozen):
    """The calls of one model.

    ``errors`` counts all calls that failed, were interrupted or could not be read; sums skip unknown values.

    ``cost_usd`` is None when no call has a known price; ``unpriced`` counts the calls without one, except
    errors. ``p50_s`` and ``p95_s`` are nearest-rank percentiles of the latency in seconds.
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
    """Store calls and count them in the rollups; return how many were new.

    A call whose ``call_id`` is already stored is not changed. A call that was purged is not stored again.
    """
    return insert_rows(connection, [row_of_call(call) for call in calls])


def insert_rows(connection: Connection, rows: Sequence[StoredRow]) -> int:
    """As ``insert_calls``, for calls given as rows."""
    first: dict[str, StoredRow] = {}
    for row in rows:
        first.setdefault(row[0], row)
    for known in _stored_among(connection, list(first)) + purged_among(connection, list(first)):
        del first[known]
    if first:
        new = list(first.values())
        connection.exec_driver_sql(_INSERT, new)
        add_to_rollups(connection, map(_FACTS_OF_ROW, new))
    return len(first)


def _stored_among(connection: Connection, call_ids: Sequence[str]) -> list[str]:
    found = connection.exec_driver_sql(_STORED, (json.dumps(call_ids),))
    return [row[0] for row in found]


def get_call(database: Database, call_id: str) -> Call | None:
    """Return the call with this id, or None."""
    with database.read() as connection:
        row = connection.execute(select(CALLS).where(CALLS.c.call_id == call_id)).one_or_none()
    return None if row is None else call_of_row(row._mapping)


def calls_routed(database: Database, task: str, reason: str) -> list[Call]:
    """Return the answered calls of a task that took their way for this reason, in the order they started."""
    query = select(CALLS).where(CALLS.c.task == task, CALLS.c.route_reason == reason, CALLS.c.outcome == "ok")
    with database.read() as connection:
        rows = connection.execute(query.order_by(CALLS.c.started_at, CALLS.c.call_id)).all()
    return [call_of_row(row._mapping) for row in rows]


def call_ids_beginning(database: Database, beginning: str, limit: int) -> tuple[str, ...]:
    """Return the first ids that begin with this text, in their order; the index finds them."""
    last = beginning + chr(0x10FFFF)
    query = select(CALLS.c.call_id).where(CALLS.c.call_id.between(beginning, last))
    with database.read() as connection:
        return tuple(connection.execute(query.order_by(CALLS.c.call_id).limit(limit)).scalars())


def find_calls(
    database: Database,
    *,
    task: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    source: str | None = None,
    limit: int | None = None,
) -> list[Call]:
    """Return calls in the order they started, ``until`` excluded; with ``limit``, only the latest ones.

    ``model`` is the one that answered, or was asked when none answered.
    """
    query = select(CALLS).order_by(CALLS.c.started_at.desc(), CALLS.c.call_id.desc()).limit(limit)
    if task is not None:
        query = query.where(CALLS.c.task == task)
    if model is not None:
        query = query.where(CALLS.c.model == model)
    if since is not None:
        query = query.where(CALLS.c.started_at >= to_microseconds(since))
    if until is not None:
        query = query.where(CALLS.c.started_at < to_microseconds(until))
    if source is not None:
        query = query.where(CALLS.c.source == source)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [call_of_row(row._mapping) for row in reversed(rows)]


def call_stats(database: Database) -> tuple[ModelStats, ...]:
    """Return one entry per model, simulated calls separately, most calls first."""
    with database.read() as connection:
        answering = answering_models(connection)
    model = case(answering, value=CALLS.c.model, else_=CALLS.c.model) if answering else CALLS.c.model
    group = (model.label("model"), CALLS.c.simulated)
    totals = select(
        *group,
        func.count().label("calls"),
        func.sum(case((CALLS.c.outcome == "ok", 0), else_=1)).label("errors"),
        func.coalesce(func.sum(CALLS.c.input_tokens), 0).label("input_tokens"),
        func.coalesce(func.sum(CALLS.c.output_tokens), 0).label("output_tokens"),
        func.sum(CALLS.c.cost_nano_usd).label("cost_nano_usd"),
        func.sum(case((CALLS.c.cost_nano_usd.is_(None) & (CALLS.c.outcome != "error"), 1), else_=0)).label(
            "unpriced"
        ),
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

    def percentile(hundredths: int) -> Any:  # the value of rank ceil(p * n), in integer arithmetic
        rank = (ranked.c.n * hundredths + 99) // 100
        return func.max(case((ranked.c.rank == rank, ranked.c.latency_s)))

    latencies = select(ranked.c.model, ranked.c.simulated, percentile(50), percentile(95)).group_by(
        ranked.c.model, ranked.c.simulated
    )
    with database.read() as connection:
        percentiles = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(latencies)}
        rows = connection.execute(totals.order_by(func.count().desc(), group[0])).all()
    return tuple(_stats(row, *percentiles.get((row.model, row.simulated), (None, None))) for row in rows)


def _stats(row: sqlalchemy.Row[Any], p50_s: float | None, p95_s: float | None) -> ModelStats:
    fields = row._asdict()
    cost_usd = from_nano_usd(fields.pop("cost_nano_usd"))
    return ModelStats(**fields, cost_usd=cost_usd, p50_s=p50_s, p95_s=p95_s)
