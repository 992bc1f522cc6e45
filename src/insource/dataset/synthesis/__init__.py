"""More training examples, each with where it came from: edits of real ones, and a teacher's words."""
