"""Local engines behind one protocol, in child processes on loopback."""
