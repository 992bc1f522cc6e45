"""Fit span ranking: what values look like, rankers, second stages, and figures by cross-validation."""
