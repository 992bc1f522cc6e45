"""Token rows with a pattern that a tiny model learns."""

from insource.foundation.rng import generator
from insource.training.tokenize import IGNORE, TrainingRow


def token_rows(count, seed):
    """Rows of different lengths, whose answer repeats the prompt's last two tokens."""
    rng = generator(seed, "token_rows")
    made = []
    for index in range(count):
        prompt = rng.integers(2, 60, size=int(rng.integers(4, 20))).tolist()
        answer = [*prompt[-2:], 1]
        made.append(TrainingRow(f"r{index}", prompt + answer, [IGNORE] * len(prompt) + answer))
    return made
