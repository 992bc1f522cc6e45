"""Choose a fixed random sample of documents."""

from __future__ import annotations

from collections.abc import Sequence

from insource.types import Example


def sample(examples: Sequence[Example], limit: int | None) -> tuple[Example, ...]:
    """Return at most ``limit`` examples in their order: those with the smallest content digests.

    This is a random sample that never changes. Every k-th example would be biased: if the rows of a file
    alternate, one kind would be missing entirely.
    """
    if limit is None or limit >= len(examples):
        return tuple(examples)
    chosen = {example.row_id for example in sorted(examples, key=lambda e: (e.digest, e.row_id))[:limit]}
    return tuple(example for example in examples if example.row_id in chosen)
