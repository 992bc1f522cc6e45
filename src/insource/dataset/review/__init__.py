"""Review by people: which rows to look at, what was decided, what a build makes of it."""
