"""Errors no longer count as unpriced or uncounted. Revision 0007 rebuilds the rollups."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
