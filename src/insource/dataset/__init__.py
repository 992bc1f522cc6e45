"""Turn rows of a source into a dataset with four splits; every row that is left out is counted."""
