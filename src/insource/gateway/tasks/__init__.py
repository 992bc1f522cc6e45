"""Calls of an insourced task: answered here, or by its cloud."""
