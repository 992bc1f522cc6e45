"""Calls, spool segments and looks at the test split."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("model_asked", sa.Text, nullable=False),
        sa.Column("model_answered", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("finish_reason", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("input_tokens", sa.BigInteger),
        sa.Column("cached_tokens", sa.BigInteger),
        sa.Column("output_tokens", sa.BigInteger),
        sa.Column("reasoning_tokens", sa.BigInteger),
        sa.Column("cost_nano_usd", sa.BigInteger),
        sa.Column("latency_s", sa.Double),
        sa.Column("first_token_s", sa.Double),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("route_to", sa.Text),
        sa.Column("route_reason", sa.Text),
        sa.Column("confidence", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("payload", sa.JSON, nullable=False),
    )
    op.create_index("calls_by_time", "calls", ["started_at"])
    op.create_index("calls_by_task", "calls", ["task", "started_at"])
    op.create_index("calls_by_model", "calls", ["model", "started_at"])
    op.create_table(
        "segments",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("open_calls", sa.JSON, nullable=False),
    )
    op.create_table(
        "looks",
        sa.Column("dataset_digest", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("arm", sa.Text, primary_key=True),
        sa.Column("looked_at", sa.BigInteger, nullable=False),
    )
