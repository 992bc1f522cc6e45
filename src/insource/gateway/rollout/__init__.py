"""Several versions of a task: which one answers a call, what is compared, and who moves the traffic."""
