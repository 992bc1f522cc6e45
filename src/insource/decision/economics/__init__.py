"""The economics of an option: what it costs, from which volume and when it pays, and what would flip that."""
