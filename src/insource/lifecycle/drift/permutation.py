"""Permutations of whole blocks of calls: the one source of p-values for drift.

Calls that come one after the other are alike: a batch of one supplier, a user who tries something ten times.
Tests that take every call by itself see a drift in that nine times of ten (``docs/guides/drift.md``). So the
calls are cut into blocks in the order in which they came, and whole blocks change sides. That is exact where
blocks are exchangeable, which is so for any dependence that is short beside a block.

Several figures are tested together by the largest of their standardised statistics (Westfall and Young 1993,
"max-T"): all adjusted p-values hold together, whatever the figures have to do with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.stats.multiplicity import benjamini_hochberg

BLOCKS = 10
"""Blocks of a window; those of the reference are as long."""

PERMUTATIONS_PER_ALPHA = 5
"""So many times the fewest permutations that can show ``alpha``: a clear drift is well below it."""

Floats = NDArray[np.float64]


def blocks_of(window: int) -> NDArray[np.int64]:
    """Return the block of each call of a window, shape ``(window,)``."""
    return np.arange(window) // max(1, window // BLOCKS)


class Sides(NamedTuple):
    """Which side every block is on: as observed in the first column, permuted in the others.

    ``block`` has the block of each document, those of the reference first, shape ``(n,)``; ``live`` is 1
    where a block is on the side of the window, shape ``(blocks, 1 + permutations)``.
    """

    block: NDArray[np.int64]
    live: Floats

    @classmethod
    def of(
        cls, reference: int, window: int, rng: np.random.Generator, *, alpha: float, ordered: bool = True
    ) -> Sides:
        """Cut ``reference`` and ``window`` documents into blocks, or take each one by itself.

        ``ordered`` says that both samples are in the order in which they came.
        """
        length = max(1, window // BLOCKS) if ordered else 1
        before = np.arange(reference) // length
        after = np.arange(window) // length + (before[-1] + 1 if reference else 0)
        blocks = int(after[-1]) + 1
        observed = (np.arange(blocks) >= after[0]).astype(np.float64)
        permutations = round(PERMUTATIONS_PER_ALPHA / alpha) - 1
        shuffled = rng.permuted(np.tile(observed, (permutations, 1)), axis=1)
        return cls(np.r_[before, after], np.column_stack([observed, shuffled.T]))

    @property
    def permutations(self) -> int:
        return int(self.live.shape[1]) - 1

    def differences(self, columns: Floats) -> Floats:
        """Return mean in the window minus mean in the reference, shape ``(k, 1 + permutations)``.

        ``columns`` has a row for each document, shape ``(n, k)``; NaN is missing. A side on which all values
        are missing makes no difference.
        """
        known = ~np.isnan(columns)
        sums, counts = self._by_block(np.where(known, columns, 0.0)), self._by_block(known.astype(np.float64))
        live, still = self.live, 1 - self.live
        on_live, on_still = counts.T @ live, counts.T @ still
        both = (on_live > 0) & (on_still > 0)
        after = (sums.T @ live) / np.maximum(on_live, 1)
        before = (sums.T @ still) / np.maximum(on_still, 1)
        return np.where(both, after - before, 0.0)

    def new_values(self, values: Sequence[str | None]) -> Floats:
        """Return the share of values in the window that the reference has not, shape ``(1 + permutations,)``.

        None is no value.
        """
        names = sorted({value for value in values if value is not None})
        if not names:
            return np.zeros(self.live.shape[1])
        place = {name: number for number, name in enumerate(names)}
        counts = np.zeros((len(names), len(self.live)))
        for value, block in zip(values, self.block, strict=True):
            if value is not None:
                counts[place[value], block] += 1
        unknown = (counts @ (1 - self.live)) == 0
        live = counts @ self.live
        shares: Floats = (live * unknown).sum(axis=0) / np.maximum(live.sum(axis=0), 1)
        return shares

    def _by_block(self, columns: Floats) -> Floats:
        sums = np.zeros((len(self.live), columns.shape[1]))
        np.add.at(sums, self.block, columns)
        return sums


def adjusted_together(statistics: Floats) -> Floats:
    """Return p-values that hold together (max-T); ``statistics`` are large under a drift, a row a figure.

    A statistic is centred and scaled by its permutations, so that figures of other units compare.
    """
    standard = _standardised(statistics)
    largest = standard[:, 1:].max(axis=0, initial=-np.inf)
    return _p_values(standard[:, :1], largest[None, :])


def adjusted_for_discoveries(statistics: Floats) -> Floats:
    """Return p-values adjusted by Benjamini and Hochberg, a row of ``statistics`` a figure."""
    return benjamini_hochberg(_p_values(statistics[:, :1], statistics[:, 1:]))


def _standardised(statistics: Floats) -> Floats:
    centre = statistics[:, 1:].mean(axis=1, keepdims=True)
    scale = statistics[:, 1:].std(axis=1, keepdims=True)
    # What no permutation changes cannot have moved.
    standard: Floats = np.where(scale > 1e-12, (statistics - centre) / np.maximum(scale, 1e-12), -np.inf)
    return standard


def _p_values(observed: Floats, permuted: Floats) -> Floats:
    as_large = (permuted >= observed - 1e-12).sum(axis=1)  # the tolerance is for sums in another order
    found: Floats = (1 + as_large) / (permuted.shape[1] + 1)
    return found
