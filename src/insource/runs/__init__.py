"""Run folders: complete or absent, keyed by what they are made from, and read back."""
