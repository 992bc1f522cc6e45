"""Recorded calls: their table, their totals, and how they are selected and paged."""
