"""One call: its route, its tags, its exchange, and the relay of the answer."""
