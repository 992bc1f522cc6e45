"""Choose what training keeps by the task's metric: the settings in a sweep, the checkpoint in a run."""
