"""Clients of local engines: one module each, all with the interface `insource.models.engines.protocol`."""
