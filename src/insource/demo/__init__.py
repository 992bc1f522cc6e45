"""The published case on generated documents: only a configured run."""
