"""Nested parts of the training split: about five sizes on a log scale, each inside the next."""

from __future__ import annotations

from collections.abc import Sequence

from insource.foundation.rng import generator
from insource.types import Dataset, Example

SIZES, SPAN = 5, 16
"""Sizes of a curve, and how many times the largest exceeds the smallest."""
LEAST_ROWS = 8
FEWEST = 32
"""With fewer training rows, the sizes would be too close to tell a curve."""


def sizes_of(rows: int) -> tuple[int, ...]:
    """Return the sizes for so many training rows, increasing, all rows last; empty for too few."""
    if rows < FEWEST:
        return ()
    least = max(LEAST_ROWS, rows / SPAN)
    ratio = (rows / least) ** (1 / (SIZES - 1))
    return tuple(sorted({round(least * ratio**step) for step in range(SIZES)}))


def ordered(examples: Sequence[Example], order: int, seed: int) -> tuple[Example, ...]:
    """Return the rows in an order of their own for each number; a part is the rows at its beginning.

    Order 1 is order 0 backwards, so that the halves of the two are disjoint.
    """
    rng = generator(seed, f"decision.sufficiency.order.{order if order > 1 else 0}")
    drawn = rng.permutation(len(examples))
    return tuple(examples[place] for place in (drawn[::-1] if order == 1 else drawn))


def part_of(dataset: Dataset, rows: int, order: int, seed: int) -> Dataset:
    """Return the dataset with so many of its training rows, all other splits as they are.

    The rows stand in the dataset's own order, so that all of them are the split itself.
    """
    train = dataset.splits["train"]
    if rows >= len(train):
        return dataset
    kept = {one.row_id for one in ordered(train, order, seed)[:rows]}
    part = tuple(one for one in train if one.row_id in kept)
    groups = {one.group for one in part if one.group is not None}
    manifest = dataset.manifest.model_copy(
        update={
            "counts": dataset.manifest.counts | {"train": len(part)},
            "groups_in_train": tuple(name for name in dataset.manifest.groups_in_train if name in groups),
        }
    )
    return dataset.model_copy(update={"splits": dataset.splits | {"train": part}, "manifest": manifest})
