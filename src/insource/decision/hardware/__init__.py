"""Plan the hardware of a model before it is fetched: memory, time, money, energy, people, serving."""
