"""Write a dataset in the layouts of other tools."""
