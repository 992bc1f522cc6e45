"""The registry of deployments, its events, audits and anchor checks."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "deployments",
        sa.Column("task", sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    for name in ("deployment_events", "audits", "anchor_checks"):
        op.create_table(
            name,
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("task", sa.Text, nullable=False),
            sa.Column("at", sa.BigInteger, nullable=False),
            sa.Column("document", sa.Text, nullable=False),
            sa.Index(f"{name}_of_task", "task", "at"),
        )
