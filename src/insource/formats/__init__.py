"""What is in a file: containers, compression, JSON, values."""
