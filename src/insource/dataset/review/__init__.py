"""Review by people: which rows to show, what was decided, and what a build does with it."""
