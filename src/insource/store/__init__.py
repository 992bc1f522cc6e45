"""Persistent state: the database, the recorded calls, the spool, virtual keys, looks at the test split."""
