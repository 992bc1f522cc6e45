"""The store's schema, revision by revision (Alembic)."""

HEAD = "0006"
