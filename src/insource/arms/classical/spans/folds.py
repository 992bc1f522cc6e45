"""Cross-validation folds of the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.arms.classical.spans.samples import Sample
from insource.foundation.rng import generator

FOLDS = 4


class Fold(NamedTuple):
    """The samples that are fitted to, and those that are held out, by their index."""

    train: NDArray[np.int64]
    held: NDArray[np.int64]


def fold_sets(samples: Sequence[Sample], seed: int) -> list[list[Fold]]:
    """Return the folds that split no group; where groups hold several documents, those by document as well.

    Figures come from the first set. The second stages see both, because documents of known and of new groups
    are to come. Fewer than two units make no folds.
    """
    groups = [sample.example.group or f"document {n}" for n, sample in enumerate(samples)]
    found = [_folds(groups, generator(seed, "spans.folds.group"))]
    if len(set(groups)) < len(groups):
        found.append(_folds([str(n) for n in range(len(samples))], generator(seed, "spans.folds.document")))
    return [folds for folds in found if folds]


def _folds(units: Sequence[str], rng: np.random.Generator) -> list[Fold]:
    """Deal the units, the largest first, to the smallest fold; ``rng`` breaks ties of size."""
    names, which, sizes = np.unique(units, return_inverse=True, return_counts=True)
    count = min(FOLDS, len(names))
    if count < 2:
        return []
    load, dealt = np.zeros(count), np.zeros(len(names), dtype=np.int64)
    for unit in np.lexsort((rng.permutation(len(names)), -sizes)):
        dealt[unit] = int(np.argmin(load))
        load[dealt[unit]] += sizes[unit]
    fold = dealt[which]
    return [Fold(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]
