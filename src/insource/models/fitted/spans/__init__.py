"""Learned span ranking: candidate values of a document, ranked field by field."""
