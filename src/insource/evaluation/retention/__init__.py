"""Whether a trained model memorised its rows, and what it forgot."""
