"""From a trained adapter to what is served, with a parity gate."""
