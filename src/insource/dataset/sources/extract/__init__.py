"""Extract the text of documents, one file a kind, and name what is in them that is no text."""
