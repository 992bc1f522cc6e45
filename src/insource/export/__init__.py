"""Export a trained adapter for serving, checked by a parity gate."""
