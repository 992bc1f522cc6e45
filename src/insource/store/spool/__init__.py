"""The append-only spool of calls, and its drain into the store."""
