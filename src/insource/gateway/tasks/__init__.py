"""Answer calls of an insourced task, here or in its cloud."""
