"""The candidates for the job: one file an arm."""
