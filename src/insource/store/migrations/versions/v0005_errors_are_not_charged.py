"""Rebuild the rollups: errors no longer count as unpriced or uncounted."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Rebuild the rollups.

    A later revision that changes the layout of the rollups must remove this call and rebuild them itself.
    """
    from insource.store.calls.rollups import rebuild_rollups

    rebuild_rollups(op.get_bind())
