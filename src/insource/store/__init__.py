"""What is kept: the database, the call spool, run folders, artefacts."""
