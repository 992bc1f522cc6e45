"""The demo: generated documents with gold answers, and an ordinary run over them."""
