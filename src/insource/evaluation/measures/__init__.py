"""What is measured over all records of an arm: surface forms, grounding, classes, repeats."""
