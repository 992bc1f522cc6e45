"""Recipes of tests: a made-up machine and rows, a tiny model's shape."""

from insource.config.training import TrainingSection
from insource.training.planning.data import DataFacts
from insource.training.planning.machine import Machine
from insource.training.planning.shape import ModelShape
from insource.training.recipe import plan

GIB = 2**30
LAPTOP = Machine(
    device="cpu", name="x86_64", cores=2, memory_bytes=16 * GIB, free_bytes=12 * GIB, bfloat16=True
)
CARD = Machine(
    device="cuda",
    name="a card",
    cores=8,
    memory_bytes=24 * GIB,
    free_bytes=23 * GIB,
    bfloat16=True,
    bitsandbytes=True,
)
SMOLLM2_135M = ModelShape(
    layers=30,
    hidden=576,
    feed_forward=1536,
    vocabulary=49_152,
    heads=9,
    query=576,
    key_value=192,
    tied=True,
    context=8192,
)


def rows(examples=100, *, mean=150.0, longest=200, answer=40.0):
    """Facts about rows of these lengths in tokens."""
    return DataFacts(
        examples=examples,
        mean_row_tokens=mean,
        longest_row_tokens=longest,
        mean_answer_tokens=answer,
        longest_answer_tokens=round(1.5 * answer),
        validation_rows=20,
    )


def recipe(data=None, *, machine=LAPTOP, shape=SMOLLM2_135M, project_seed=0, **section):
    """The recipe for these settings of ``[training]``."""
    data = data or rows()
    return plan(
        data=data, shape=shape, machine=machine, seed=project_seed, section=TrainingSection(**section)
    )
