"""Read rows from each kind of source as a stream of rows, and of drops with their reasons."""
