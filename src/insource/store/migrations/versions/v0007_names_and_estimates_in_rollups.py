"""Rollups know the model that was asked, and count calls with estimated tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_KEY = ("task", "feature", "model", "provider")
_SUMS = (
    *("calls", "errors", "interrupted", "unpriced", "uncounted", "cost_nano_usd", "estimated"),
    *("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("audio_input_tokens", "audio_output_tokens"),
)


def upgrade() -> None:
    """Make the table of rollups anew and count every call.

    A later revision that changes the layout of the rollups must remove this call and rebuild them itself.
    """
    from insource.store.calls.rollups import rebuild_rollups

    op.drop_table("rollups")
    op.create_table(
        "rollups",
        sa.Column("day", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in _KEY),
        sa.Column("simulated", sa.Boolean, primary_key=True),
        sa.Column("model_asked", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _SUMS),
        sa.Column("latency", sa.LargeBinary, nullable=False),
        sa.Column("first_token", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    rebuild_rollups(op.get_bind())
