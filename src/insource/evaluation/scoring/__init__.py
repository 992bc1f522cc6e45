"""What is measured of one answer beside its slots: a text, its style, a scorer of the user's own."""
