"""What the numbers say to do: cost, break-even, verdict."""
