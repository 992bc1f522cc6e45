"""Learn spellings that stand for a value, number words, and what a number is multiplied by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from insource.arms.classical.spans.samples import Equality
from insource.models.fitted.spans.document import Reading, squashed
from insource.models.fitted.spans.measures import as_number, whole

MIN_SUPPORT = 2
"""A spelling or factor that fewer rows show is chance."""

MIN_PRECISION = 0.9
MIN_FACTOR_SHARE = 0.3

Gold = Sequence[Any]


def learned_aliases(
    spellings: Sequence[set[str]], golds: Sequence[Gold], choices: Sequence[Any]
) -> dict[str, Any]:
    """Return the spellings of a field's choices: their own, and those that explain training values.

    ``spellings`` are those that stand in each scope (``texts.spellings_in``), ``golds`` the values that the
    field has there, all of them among ``choices``.
    """
    literal: dict[str, Any] = {}
    for choice in choices:
        literal.setdefault(squashed(str(choice)), choice)
    values = [set(gold) for gold in golds]
    todo = [
        {
            value
            for value in row
            if not any(literal.get(spelling) == value for spelling in here & literal.keys())
        }
        for here, row in zip(spellings, values, strict=True)
    ]
    return {**literal, **_covering(spellings, values, todo, frozenset(literal))}


def _covering(
    spellings: Sequence[set[str]],
    values: Sequence[set[Any]],
    todo: Sequence[set[Any]],
    taken: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return the fewest spellings that explain the values still ``todo`` in each row (greedy set cover).

    A spelling has to stand beside its value in ``MIN_SUPPORT`` rows, and in ``MIN_PRECISION`` of those in
    which it occurs.
    """
    left = {(n, value) for n, row in enumerate(todo) for value in row}
    hopeful = Counter((spelling, value) for n, value in left for spelling in spellings[n])
    pairs = {
        pair: set[int]() for pair, count in hopeful.items() if count >= MIN_SUPPORT and pair[0] not in taken
    }
    wanted = frozenset(spelling for spelling, _ in pairs)
    total: Counter[str] = Counter()
    for n, (here, row) in enumerate(zip(spellings, values, strict=True)):
        present = here & wanted
        total.update(present)
        for spelling in present:
            for value in row:
                if (seen := pairs.get((spelling, value))) is not None:
                    seen.add(n)
    pairs = {pair: seen for pair, seen in pairs.items() if len(seen) >= MIN_PRECISION * total[pair[0]]}
    found: dict[str, Any] = {}
    while pairs:
        gains = {pair: sum((n, pair[1]) in left for n in seen) for pair, seen in pairs.items()}
        pairs = {
            pair: pairs[pair] for pair, gain in gains.items() if gain >= MIN_SUPPORT and pair[0] not in found
        }
        if not pairs:
            break
        best = min(
            pairs, key=lambda p: (-gains[p], -len(pairs[p]) / total[p[0]], -len(p[0]), p[0], repr(p[1]))
        )
        found[best[0]] = best[1]
        left -= {(n, best[1]) for n in pairs.pop(best)}
    return found


class NumberWords(NamedTuple):
    """``aliases`` are words for numbers, ``factors`` what the number before a word is multiplied by."""

    aliases: dict[str, Any]
    factors: list[dict[str, list[float]]]


def learned_numbers(
    read: Sequence[Sequence[Reading]],
    tokens: Sequence[set[str]],
    golds: Sequence[Sequence[Gold]],
    equal: Sequence[Equality],
) -> NumberWords:
    """Return the number words that all number fields share, and the factors of each field.

    ``read`` are the numbers and ``tokens`` the single words of each scope, ``golds`` the values of each field
    in each scope. Only values that no number of the scope spells are explained.
    """
    factors, unread = [], []
    for gold, same in zip(golds, equal, strict=True):
        missing = [
            {as_number(value) for value in values if not any(same(value, whole(one.value)) for one in found)}
            - {None}
            for values, found in zip(gold, read, strict=True)
        ]
        unread.append(missing)
        factors.append(_factors(read, missing))
    values = [{as_number(v) for gold in golds for v in gold[n]} - {None} for n in range(len(read))]
    todo = [set().union(*(missing[n] for missing in unread)) for n in range(len(read))]
    words = {word: whole(value) for word, value in _covering(tokens, values, todo).items() if word.isalpha()}
    return NumberWords(words, factors)


def _factors(read: Sequence[Sequence[Reading]], missing: Sequence[set[Any]]) -> dict[str, list[float]]:
    """Return the factors by which a number before a word becomes the value: months to years, thousands."""
    pairs: dict[tuple[str, float], set[tuple[int, float, float]]] = defaultdict(set)
    for n, (found, values) in enumerate(zip(read, missing, strict=True)):
        for value in values:
            for one in found:
                if value and one.value and one.unit:
                    pairs[one.unit, round(value / one.value, 9)].add((n, value, one.value))
    left = {n for n, values in enumerate(missing) if values}
    learned: dict[str, list[float]] = {}
    while pairs:
        gains = {pair: {n for n, *_ in seen} & left for pair, seen in pairs.items()}
        best = min(pairs, key=lambda pair: (-len(gains[pair]), pair))
        gain = gains[best]
        if len(gain) < MIN_SUPPORT:
            break
        different = {(value, number) for n, value, number in pairs[best] if n in gain}
        beside = {n for (unit, _), seen in pairs.items() if unit == best[0] for n, *_ in seen} & left
        del pairs[best]
        if len(different) >= MIN_SUPPORT and len(gain) >= MIN_FACTOR_SHARE * len(beside):
            learned.setdefault(best[0], []).append(best[1])
            left -= gain
    return learned
