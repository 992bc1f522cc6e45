"""Bringing the logs people already have: one module a format, each a pure generator of calls."""
