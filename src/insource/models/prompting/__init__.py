"""A prompt with examples and passages in front of a language model: what answers of a prompted arm."""
