"""Find texts that are nearly the same."""
