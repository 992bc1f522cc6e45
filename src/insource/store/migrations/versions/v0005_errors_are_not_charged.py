"""Totals in which an error is neither a call of unknown price nor one without token counts."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """A revision that changes the layout of the rollups takes this over."""
    from insource.store.calls.rollups import rebuild_rollups

    rebuild_rollups(op.get_bind())
