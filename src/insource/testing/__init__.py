"""Conformance checks for extensions. No other package of Insource imports them."""
