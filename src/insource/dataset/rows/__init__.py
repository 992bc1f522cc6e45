"""Hold a row on its way into a dataset: record, target, example, and the rows staged on disk."""
