"""``insource logs``: one module per command."""
