"""Pair the items of two lists: equal ones first, then those with the most in common."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_CELLS = 4_000_000
"""The assignment takes at most this many pairs (2,000 by 2,000); the items beyond find no partner."""

Gain = Callable[[int, int], float]


class Pairing(NamedTuple):
    """``partner`` maps an index of the left list to one of the right list.

    ``complete`` tells that the best partners were searched among all pairs. Otherwise a limit on the cost may
    have left an item without the partner that it has.
    """

    partner: dict[int, int]
    complete: bool = True


def pair(left: Sequence[Any], right: Sequence[Any], gain: Gain, most: int) -> Pairing:
    """Pair the items of two lists one to one.

    Items of the same canonical form are paired first, in order and in linear time. The others get the
    assignment with the largest total of ``gain(i, j)``, ties by position, pairs without gain left out. When
    they have more than ``most`` pairs, ``gain`` is called for that many at most: for each left item, those
    right items with which it has the most leaves in common word for word, the nearest first, down to half as
    many as the best of them.

    Pairing equal items first costs no gain where gain counts equal leaves and equality is transitive: of two
    items paired with an equal couple, the leaves that both have in common with it they share with each other.
    A tolerance or a least gain breaks this: with a tolerance of 1, 11 and 10 pair twice with 10 and 9, but
    once when the two 10 are paired first.
    """
    partner = _pair_equal(left, right)
    taken = set(partner.values())
    rows = [i for i in range(len(left)) if i not in partner]
    columns = [j for j in range(len(right)) if j not in taken]
    if not rows or not columns:
        return Pairing(partner)
    searched = _within(rows, columns)
    found = _gains(left, right, *searched, gain, most)
    for i, j in _assign(found, *(np.array(side) for side in searched)).items():
        partner[searched[0][i]] = searched[1][j]
    return Pairing(partner, complete=len(rows) * len(columns) <= most)


def canonical(value: Any) -> str:
    """Return a text that equal values share: keys sorted, and without members that hold nothing."""
    return json.dumps(_filled(value), sort_keys=True)


def _filled(value: Any) -> Any:
    """Return the value without empty members; what is left of an empty one is None."""
    if isinstance(value, dict):
        kept = {key: full for key, item in value.items() if (full := _filled(item)) is not None}
        return kept or None
    if isinstance(value, list):
        return [full for item in value if (full := _filled(item)) is not None] or None
    return None if isinstance(value, str) and not value.strip() else value


def _pair_equal(left: Sequence[Any], right: Sequence[Any]) -> dict[int, int]:
    waiting: defaultdict[str, deque[int]] = defaultdict(deque)
    for j, item in enumerate(right):
        waiting[canonical(item)].append(j)
    return {i: equal.popleft() for i, item in enumerate(left) if (equal := waiting.get(canonical(item)))}


def _within(rows: list[int], columns: list[int]) -> tuple[list[int], list[int]]:
    """Return the items that the assignment takes: all, or the first ones of a list too long for it."""
    side = int(MAX_CELLS**0.5)
    if len(rows) * len(columns) <= MAX_CELLS:
        return rows, columns
    if len(rows) < side:
        return rows, columns[: MAX_CELLS // len(rows)]
    return rows[: MAX_CELLS // min(len(columns), side)], columns[:side]


def _gains(
    left: Sequence[Any], right: Sequence[Any], rows: list[int], columns: list[int], gain: Gain, most: int
) -> NDArray[np.float64]:
    found = np.zeros((len(rows), len(columns)))
    if found.size <= most:
        for a, i in enumerate(rows):
            for b, j in enumerate(columns):
                found[a, b] = gain(i, j)
        return found
    common = _leaves_in_common([left[i] for i in rows], [right[j] for j in columns])
    likely = common - _distance(np.array(rows), np.array(columns))
    each = max(1, most // len(rows))
    for a, best in enumerate(np.argpartition(-likely, min(each, len(columns)) - 1)[:, :each]):
        # Scalars that are not equal have no leaf in common, so they are all looked at.
        enough = max(common[a, best].max() / 2, 1.0 if isinstance(left[rows[a]], dict) else 0.0)
        for b in best[common[a, best] >= enough]:
            found[a, b] = gain(rows[a], columns[b])
    return found


def _leaves_in_common(left: Sequence[Any], right: Sequence[Any]) -> NDArray[np.float64]:
    """Return for each pair how many leaves both hold, word for word."""
    common = np.zeros((len(left), len(right)))
    holders = _holders(right)
    for leaf, rows in _holders(left).items():
        if columns := holders.get(leaf):
            common[np.ix_(rows, columns)] += 1
    return common


def _holders(items: Sequence[Any]) -> dict[tuple[str, str], list[int]]:
    """Return which items hold a leaf."""
    holders: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        for leaf in dict.fromkeys(_leaves(item)):
            holders[leaf].append(index)
    return holders


def _leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item, f"{path}[]")]
    text = canonical(value)
    return [] if text == "null" else [(path, text)]


def _distance(rows: NDArray[np.int_], columns: NDArray[np.int_]) -> NDArray[np.float64]:
    """Return how far apart two items stand, from 0 to below 1."""
    distance: NDArray[np.float64] = np.abs(np.subtract.outer(rows, columns)).astype(np.float64)
    distance /= 1.0 + distance.max()
    return distance


def _assign(gain: NDArray[np.float64], rows: NDArray[np.int_], columns: NDArray[np.int_]) -> dict[int, int]:
    """Return the one-to-one assignment with the largest gain; pairs without gain are left out."""
    if not gain.any():
        return {}
    from scipy.optimize import linear_sum_assignment

    # Equal gains go to the nearest position; all tie-breaks together stay below one unit of gain.
    tie_break = _distance(rows, columns) / (1.0 + min(gain.shape))
    first, second = linear_sum_assignment(np.where(gain > 0, gain - tie_break, 0.0), maximize=True)
    return {int(i): int(j) for i, j in zip(first, second, strict=True) if gain[i, j] > 0}


def load_assignment() -> None:
    """Import what assigning needs, so that the first long list does not have to wait for it."""
    import scipy.optimize  # noqa: F401
