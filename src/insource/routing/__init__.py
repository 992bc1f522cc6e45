"""Confidence of an answer, and the policy that uses it."""
