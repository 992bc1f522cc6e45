"""`insource logs`: one file a verb."""
