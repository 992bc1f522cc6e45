"""What is usually wrong with training data: each check counts, shows examples, and proposes a fix."""
