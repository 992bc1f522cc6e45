"""What makes the measurement of a cloud unfair: one file a handicap, put together in ``suite``."""
