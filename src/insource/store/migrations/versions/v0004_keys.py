"""Virtual keys, what each has spent, and the times of its latest requests."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "virtual_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("tasks", sa.JSON, nullable=False),
        sa.Column("upstream", sa.Text, nullable=False),
        sa.Column("budget_nano_usd", sa.BigInteger),
        sa.Column("budget_per", sa.Text, nullable=False),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("admitted", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "active_key_names", "virtual_keys", ["name"], unique=True, sqlite_where=sa.text("revoked_at IS NULL")
    )
    op.create_table(
        "key_spend",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("reserved_nano_usd", sa.BigInteger, nullable=False),
        sa.Column("spent_nano_usd", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_requests",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
