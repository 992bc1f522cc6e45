"""Answers that were made and kept elsewhere: read, scored as every other, and compared in pairs."""
