"""When two values are the same, and when a value is in the source: pure functions."""
