"""Confidence of an answer and the policy that acts on it."""
