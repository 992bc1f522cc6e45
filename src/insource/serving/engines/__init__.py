"""Engines: one module each, all with the interface `insource.serving.engine.Engine`."""
