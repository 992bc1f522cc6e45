"""Sections on what is served: when an answer may be, and how sure one can be of it."""
