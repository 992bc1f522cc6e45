"""Arms of a base model with a prompt: without examples, with fixed or retrieved ones, with passages."""
