"""After the verdict: how traffic moves, what is watched, and when the model is made again."""
