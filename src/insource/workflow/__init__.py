"""One file a verb: open the project, call the packages, keep the result."""
