"""Recording calls so that none is lost."""
