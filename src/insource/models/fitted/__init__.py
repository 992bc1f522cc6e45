"""Models that are fitted to a task's rows and are no language models: what answers of them."""
