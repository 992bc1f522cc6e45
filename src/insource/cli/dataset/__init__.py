"""`insource dataset`: one file a verb."""
