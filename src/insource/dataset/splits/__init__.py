"""Assign rows to splits, and drop rows that would leak between them."""
