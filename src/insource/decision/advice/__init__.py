"""What to do about a task: the ways to do it, what rules them out, their order, and the next step."""
