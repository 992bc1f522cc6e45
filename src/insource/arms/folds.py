"""Folds of the training rows that never split a group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from insource.foundation.canonical import digest
from insource.types import Example

FOLDS = 3


def units_of(examples: Sequence[Example]) -> list[str]:
    """Return what must stay together, a name an example: its group, else the rows of the same document."""
    return [f"document {one.digest}" if one.group is None else f"group {one.group}" for one in examples]


def assign(units: Sequence[str], labels: Sequence[Hashable], folds: int = FOLDS) -> npt.NDArray[np.intp]:
    """Return the fold of each row, shape (n,): the rows of a unit in one fold, each label in all folds.

    The units of a label are dealt out in turn, the largest first, and a label starts where the one before it
    stopped, so that rare labels do not gather in the first fold. Neither the order of the rows nor a random
    stream has any influence.
    """
    members: dict[str, list[Hashable]] = defaultdict(list)
    for unit, label in zip(units, labels, strict=True):
        members[unit].append(label)

    def order(unit: str) -> tuple[str, int, str]:
        counts = Counter(map(str, members[unit]))
        label = min(counts, key=lambda one: (-counts[one], one))
        return label, -len(members[unit]), digest(unit)

    fold = {unit: number % folds for number, unit in enumerate(sorted(members, key=order))}
    return np.array([fold[unit] for unit in units], dtype=np.intp)
