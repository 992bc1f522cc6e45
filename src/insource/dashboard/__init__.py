"""Web pages on loopback, for the review of rows."""
