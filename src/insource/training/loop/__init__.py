"""The training run itself: batches, trainers, adapters, progress."""
