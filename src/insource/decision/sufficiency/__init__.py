"""Is there enough data: learning curves, examples for a target, power of the test set, rows to label."""
