"""Which validation documents choose the checkpoint, and which are left to choose the candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.foundation.canonical import digest
from insource.types import Example

LEAST_IN_A_HALF = 30


class CheckpointDocuments(NamedTuple):
    """The validation documents that choose the checkpoint. ``shared`` says that the candidate is chosen on
    the same documents; ``value`` and ``reason`` are the words for people.
    """

    examples: tuple[Example, ...]
    shared: bool
    value: str
    reason: str


def checkpoint_documents(validation: Sequence[Example]) -> CheckpointDocuments:
    """Return the checkpoint half of the validation split, or all of it where there is too little for two.

    Documents of one group are in one half. The halves do not depend on the order of the rows.
    """
    half = _half(validation)
    other = len(validation) - len(half)
    if min(len(half), other) < LEAST_IN_A_HALF:
        return CheckpointDocuments(
            tuple(validation),
            shared=True,
            value=f"all {len(validation)} of validation",
            reason=f"too few for two halves of {LEAST_IN_A_HALF}: the same ones choose the candidate",
        )
    return CheckpointDocuments(
        half,
        shared=False,
        value=f"{len(half)} of validation",
        reason=f"the checkpoint half; the candidate half, {other} documents, chooses among the arms",
    )


def _half(validation: Sequence[Example]) -> tuple[Example, ...]:
    units: dict[str, list[Example]] = {}
    for example in validation:
        units.setdefault(digest([example.group, "" if example.group else example.row_id]), []).append(example)
    chosen: set[str] = set()
    for unit in sorted(units):
        if 2 * len(chosen) >= len(validation):
            break
        chosen |= {example.row_id for example in units[unit]}
    return tuple(example for example in validation if example.row_id in chosen)
