"""Check training data for common defects: each check counts, shows examples and proposes a fix."""
