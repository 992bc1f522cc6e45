"""Arms without a language model: what fits labels, tags and spans to the training rows."""
