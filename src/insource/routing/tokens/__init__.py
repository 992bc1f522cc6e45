"""What the tokens of an answer say: replayed through the grammar, gathered by field."""
