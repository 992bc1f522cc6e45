"""Columns for source, feature, user, provider and endpoint, and for finer token counts and timings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXTS = {
    "source": "recorder",
    "feature": "",
    "prompt_version": "",
    "user": "",
    "provider": "",
    "endpoint": "",
    "priced_by": "",
}
_COUNTS = ("cache_write_tokens", "audio_input_tokens", "audio_output_tokens")


def upgrade() -> None:
    for name, default in _TEXTS.items():
        op.add_column("calls", sa.Column(name, sa.Text, nullable=False, server_default=default))
    for name in _COUNTS:
        op.add_column("calls", sa.Column(name, sa.BigInteger))
    op.add_column("calls", sa.Column("token_gap_s", sa.Double))
    for name in ("streamed", "usage_estimated"):
        op.add_column("calls", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
