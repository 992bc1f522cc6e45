"""Insource brings a narrow LLM job home."""

__version__ = "0.1.0"
