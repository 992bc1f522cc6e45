"""The registry of deployments: what answers each task, the decisions about it, and their audits."""
