"""The parts of one call: its route, its body, its tags, its record, and the relay of the answer."""
