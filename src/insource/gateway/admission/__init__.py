"""Decide whether a call may be made: virtual keys, budgets, rate limits."""
