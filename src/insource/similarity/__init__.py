"""When two texts are nearly the same."""
