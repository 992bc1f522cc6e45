"""The table of calls. Fields used in queries have a column; the rest of a call is in ``payload``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnClause,
    Double,
    Index,
    Integer,
    Table,
    Text,
    literal_column,
    text,
)

from insource.store.database import METADATA

CALLS = Table(
    "calls",
    METADATA,
    Column("call_id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),  # microseconds since the epoch
    Column("source", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("feature", Text, nullable=False),
    Column("prompt_version", Text, nullable=False),
    Column("user", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("model", Text, nullable=False),  # the one that answered, or was asked when none did
    Column("model_asked", Text, nullable=False),
    Column("model_answered", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("finish_reason", Text, nullable=False),
    Column("status", Integer),
    Column("input_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("cache_write_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("audio_input_tokens", BigInteger),
    Column("audio_output_tokens", BigInteger),
    Column("usage_estimated", Boolean, nullable=False),
    Column("cost_nano_usd", BigInteger),
    Column("priced_by", Text, nullable=False),
    Column("latency_s", Double),
    Column("first_token_s", Double),
    Column("token_gap_s", Double),
    Column("streamed", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("route_to", Text),
    Column("route_reason", Text),
    Column("confidence", Double),
    Column("threshold", Double),
    Column("payload", JSON, nullable=False),
    Index("calls_by_time", "started_at"),
    Index("calls_by_task", "task", "started_at"),
    Index("calls_by_model", "model", "started_at"),
    Index("calls_by_user", "user", "started_at", sqlite_where=text("user != ''")),
)

rowid: ColumnClause[int] = literal_column("calls.rowid", Integer)
"""SQLite's row number: it grows as calls are inserted, and changes when the file is rewritten."""

# Fields of a call whose column has the same name, and fields that are in the payload only.
SAME_IN_BOTH = (
    "call_id",
    "source",
    "task",
    "feature",
    "prompt_version",
    "user",
    "provider",
    "endpoint",
    "model_asked",
    "model_answered",
    "outcome",
    "finish_reason",
    "status",
    "usage_estimated",
    "priced_by",
    "latency_s",
    "first_token_s",
    "token_gap_s",
    "streamed",
    "simulated",
)
PAYLOAD = ("request", "response", "response_text", "error", "tags", "route", "raw", "unpriced_because")
