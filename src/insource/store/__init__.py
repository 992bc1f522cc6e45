"""What is kept: the database, the recorded calls, the spool, keys, looks."""
