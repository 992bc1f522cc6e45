"""The sections of a decision, on its own page and at the top of a run's report."""
