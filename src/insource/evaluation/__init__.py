"""Score answers, summarise arms, and compare two arms by document."""
