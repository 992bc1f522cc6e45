"""The store's schema as Alembic revisions."""

HEAD = "0009"
