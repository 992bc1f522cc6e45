"""The error mix of an arm: a cause for every wrong slot, and the lever that each cause names."""
