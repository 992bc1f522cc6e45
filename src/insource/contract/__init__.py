"""What an answer has to look like: inferred, canonical, expanded, validated."""
