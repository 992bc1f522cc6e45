"""Which split a row goes to, and what must leave training because it would leak."""
