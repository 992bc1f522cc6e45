"""Grounded decoding: an answer may hold only values that its document states."""
