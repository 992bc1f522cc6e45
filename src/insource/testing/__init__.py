"""Conformance checks for extensions. No other package of Insource imports them."""

from insource.testing.scorers import check_scorer

__all__ = ["check_scorer"]
