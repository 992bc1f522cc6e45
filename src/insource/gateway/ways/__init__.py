"""The ways of an answer beside local and cloud, and what keeps a call from the local model."""
