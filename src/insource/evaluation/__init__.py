"""Scoring answers, summarising arms, comparing two arms by document."""
