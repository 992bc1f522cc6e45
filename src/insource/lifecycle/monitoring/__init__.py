"""A deployed task watched: its calls in windows, a check of each, its alerts."""
