"""The sections on differences: the primary comparison, the others, fairness, slices, break points."""
