"""The documents of a test split at the time of a look."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "looked_inputs",
        sa.Column("dataset_digest", sa.Text, primary_key=True),
        sa.Column("inputs", sa.LargeBinary, nullable=False),
    )
