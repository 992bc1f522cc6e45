"""Decide whether two values are the same, and whether a value occurs in its source: pure functions."""
