"""Public test doubles and fault injectors; nothing in Insource imports them."""
