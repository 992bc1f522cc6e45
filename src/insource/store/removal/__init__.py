"""Remove calls from the store, and their bytes from the spool."""
