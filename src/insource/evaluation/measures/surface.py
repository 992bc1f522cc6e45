"""Measure how uniformly an arm writes its values, whether they are right or not."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from insource.evaluation.estimators import Units, mean_of_ratios, ratio
from insource.matching.normal_forms import fold_text
from insource.matching.surface import free_length, shape
from insource.stats.intervals import Floats
from insource.types import Estimate, SlotScore, SurfaceForm

MIN_VALUES = 5
"""With fewer values nothing is said about a field."""

FREE_TEXT = 0.5
"""With more patterns per label, a field is free text: it has no form to keep to."""

CLOSED, REPEATED = 20, 5
"""A field of at most so many different labels, each repeated so often on average, is a closed list."""

Written = Callable[[Any], tuple[str, str]]
"""What a value should look like the others of, and what it looks like."""


class _Counted(NamedTuple):
    """Values in the dominant pattern, and all values, by document."""

    dominant: Floats
    values: Floats


def surface_forms(
    documents: Sequence[Sequence[SlotScore]], units: Units
) -> tuple[dict[str, SurfaceForm], Estimate]:
    """Return the uniformity of each field that has a form, and its mean over these fields.

    The pattern of a value is its shape (``9999-99-99``, ``999 A``); the number of digits counts where the
    labels agree on it. In a closed list, the pattern is the spelling among those of one folded text, so that
    ``EUR`` beside ``USD`` is uniform, and ``EUR`` beside ``eur`` is not.
    """
    golds: dict[str, list[Any]] = defaultdict(list)
    given: dict[str, list[tuple[int, Any]]] = defaultdict(list)
    for index, slots in enumerate(documents):
        for slot in slots:
            if slot.gold is not None:
                golds[slot.path].append(slot.gold)
            if slot.predicted is not None and slot.bucket != "abstained":
                given[slot.path].append((index, slot.predicted))
    forms, counted = {}, []
    for path in golds:
        written = _written(golds[path])
        if written and len(given[path]) >= MIN_VALUES:
            patterns = [written(value) for _, value in given[path]]
            usual = _usual(patterns)
            counts = _by_document(given[path], [usual[one] == how for one, how in patterns], len(documents))
            labels = [written(value) for value in golds[path]]
            first = _usual(labels)
            forms[path] = SurfaceForm(
                pattern=Counter(usual[one] for one, _ in patterns).most_common(1)[0][0],
                dominant=ratio(*counts, units),
                evenness=_evenness(patterns),
                labels=float(np.mean([first[one] == how for one, how in labels])),
            )
            counted.append(counts)
    return forms, mean_of_ratios(counted, units)


def _written(golds: Sequence[Any]) -> Written | None:
    """Return how this field's values are looked at, None for free text, JSON numbers and too few labels."""
    if len(golds) < MIN_VALUES or not any(isinstance(gold, str) for gold in golds):
        return None
    if all(isinstance(gold, str) for gold in golds):
        distinct = len({fold_text(gold) for gold in golds})
        if distinct <= CLOSED and len(golds) >= REPEATED * distinct:
            return lambda value: (fold_text(str(value)), str(value))
    digits: dict[str, set[str]] = defaultdict(set)
    for pattern in set(map(shape, golds)):
        digits[free_length(pattern)].add(pattern)
    if len(digits) > FREE_TEXT * len(golds):
        return None
    fixed = all(len(shapes) == 1 for shapes in digits.values())
    return lambda value: ("", shape(value) if fixed else free_length(shape(value)))


def _usual(patterns: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the most frequent pattern of each kind; ties by the pattern, not by the order of documents."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, pattern in patterns:
        kinds[kind][pattern] += 1
    return {kind: min(seen, key=lambda one: (-seen[one], one)) for kind, seen in kinds.items()}


def _by_document(given: Sequence[tuple[int, Any]], usual: Sequence[bool], documents: int) -> _Counted:
    places = [index for index, _ in given]
    return _Counted(
        np.bincount(places, np.array(usual, dtype=np.float64), documents).astype(np.float64),
        np.bincount(places, minlength=documents).astype(np.float64),
    )


def _evenness(patterns: Sequence[tuple[str, str]]) -> float:
    """Return one minus the entropy of the patterns, each kind's normalised by its number of patterns."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for kind, pattern in patterns:
        kinds[kind][pattern] += 1
    total = 0.0
    for seen in kinds.values():
        n = seen.total()
        entropy = -sum(count / n * math.log(count / n) for count in seen.values())
        total += n * (1 - (entropy / math.log(len(seen)) if len(seen) > 1 else 0.0))
    return total / len(patterns)
