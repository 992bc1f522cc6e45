"""How well found groups agree with known ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb, log


def adjusted_rand_index(known: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """1 for the same groups, about 0 for groups drawn at random (Hubert and Arabie, 1985)."""
    together = sum(comb(n, 2) for n in Counter(zip(known, found, strict=True)).values())
    rows = sum(comb(n, 2) for n in Counter(known).values())
    columns = sum(comb(n, 2) for n in Counter(found).values())
    expected = rows * columns / comb(len(known), 2)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def homogeneity(known: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """1 when every found group holds calls of one known group only (Rosenberg and Hirschberg, 2007)."""
    if not (whole := _entropy(Counter(known))):
        return 1.0
    joint = _entropy(Counter(zip(known, found, strict=True)))
    return 1 - (joint - _entropy(Counter(found))) / whole


def completeness(known: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """1 when every known group is within one found group."""
    return homogeneity(found, known)


def _entropy(counts: Counter[Hashable]) -> float:
    total = counts.total()
    return -sum(n / total * log(n / total) for n in counts.values())
