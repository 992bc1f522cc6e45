"""Rollups, feedback and purges."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = ("task", "feature", "model", "provider")
_SUMS = (
    "calls",
    "errors",
    "interrupted",
    "unpriced",
    "uncounted",
    "cost_nano_usd",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)


def upgrade() -> None:
    op.create_table(
        "rollups",
        sa.Column("day", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in _KEY),
        sa.Column("simulated", sa.Boolean, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SUMS),
        sa.Column("latency", sa.LargeBinary, nullable=False),
        sa.Column("first_token", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.Integer, primary_key=True),
        sa.Column("call_id", sa.Text, sa.ForeignKey("calls.call_id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_index("feedback_by_call", "feedback", ["call_id"])
    op.create_table(
        "purges",
        sa.Column("purge_id", sa.Integer, primary_key=True),
        sa.Column("purged_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("selection", sa.JSON, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
    )
    op.create_table(
        "tombstones",
        sa.Column("call_id", sa.Text, primary_key=True),
        sa.Column("purge_id", sa.Integer, sa.ForeignKey("purges.purge_id"), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("calls_by_user", "calls", ["user", "started_at"], sqlite_where=sa.text("user != ''"))
    op.add_column("segments", sa.Column("erased", sa.BigInteger, nullable=False, server_default="0"))
