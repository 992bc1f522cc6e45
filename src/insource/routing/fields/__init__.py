"""The probability that each field of an answer is right, learned from answers with a label."""
