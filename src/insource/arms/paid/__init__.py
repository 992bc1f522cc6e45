"""Arms that cost money: asked only with a key, after an estimate and a yes, below a cap."""
