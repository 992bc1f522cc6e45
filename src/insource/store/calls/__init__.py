"""Recorded calls: their table, their totals, and their selection and paging."""
