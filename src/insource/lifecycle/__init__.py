"""A served model over time: its rollout, its drift, and what replaces it."""
