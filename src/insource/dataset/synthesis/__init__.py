"""Make more training examples, each with its origin: edits of real ones, and a teacher's words."""
