"""Bounds on what is served here: what they count, for whom they hold, and what else could be shown."""
