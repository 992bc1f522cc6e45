"""A fitted model as a small Python package of its own, which answers without Insource."""
