"""Run folders: written atomically, keyed by their inputs, and read back."""
