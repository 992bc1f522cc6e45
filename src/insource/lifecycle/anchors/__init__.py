"""What a fixed set of human-labelled documents tells: whether the cloud moved, or the local model."""
