"""The version of Insource, as `pyproject.toml` has it: what a kept run says it was made by."""

__version__ = "0.1.0"
