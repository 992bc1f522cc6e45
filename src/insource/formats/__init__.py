"""Reading files: containers, compression, JSON and values."""
