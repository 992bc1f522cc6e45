"""Sentence embeddings: a text as a vector, so that texts of like meaning lie near each other."""
