"""Recording, importing and querying calls."""
