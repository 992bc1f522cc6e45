"""Plan a training run before it starts: the model's shape, the machine, memory, time."""
