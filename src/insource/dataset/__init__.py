"""From rows in a file to a dataset with four splits and nothing lost silently."""
