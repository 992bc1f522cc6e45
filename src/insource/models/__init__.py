"""Models behind one protocol: one module per provider, and one transport for all outgoing connections."""
