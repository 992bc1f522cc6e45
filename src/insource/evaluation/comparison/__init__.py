"""The parts of a comparison: pairs, the two questions, sentences, families of arms, slices, break points."""
