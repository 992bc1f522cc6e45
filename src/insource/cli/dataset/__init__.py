"""``insource dataset``: one module per command."""
