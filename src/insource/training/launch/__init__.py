"""Training in several processes here, and the job files that train elsewhere."""
