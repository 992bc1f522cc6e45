"""Models: one protocol, one module a provider, one transport for everything that leaves the machine."""
