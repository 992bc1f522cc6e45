"""Engines: one module each, all behind `insource.serving.engine.Engine`."""
