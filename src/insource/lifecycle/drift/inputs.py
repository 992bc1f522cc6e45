"""Whether the documents are still those that came before; which features and slices moved.

One test decides, the classifier two-sample test on the texts and their features together. The features and
slices by themselves only explain: asking each of them for an alert would find something every week.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from insource.foundation.rng import derived_seed, generator
from insource.lifecycle.drift.classifier import separation
from insource.lifecycle.drift.embedding import embedded, reduced
from insource.lifecycle.drift.features import Feature, Vocabulary, features, known_words, languages
from insource.lifecycle.drift.permutation import Sides, adjusted_for_discoveries
from insource.types.monitoring import Described, InputDrift, Shift, Unit

SMALLEST_SLICE = 0.02
"""A slice with a smaller share of both samples is not shown."""

DISCOVERIES = 0.05
"""Expected share of features and slices said to have moved that did not (Benjamini and Hochberg)."""


class Documents(NamedTuple):
    """Texts, and the slices of each: ``{"feature": "invoices"}``.

    ``ordered`` says that they are in the order in which they came.
    """

    texts: Sequence[str]
    slices: Sequence[Mapping[str, str]]
    ordered: bool = True


class _Column(NamedTuple):
    """One value a document, those of the reference first; ``tested`` has its statistic's values."""

    name: str
    unit: Unit
    values: NDArray[np.float64]
    tested: NDArray[np.float64]


Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Returns a sentence vector for each text, shape ``(n, d)``."""


def input_drift(
    reference: Documents, window: Documents, *, alpha: float, seed: int, sentences: Embed | None = None
) -> InputDrift:
    """Return whether documents of the window can be told from those of the reference, and by what.

    Where blocks of documents are exchangeable, the chance of ``moved`` is ``alpha`` at most. ``sentences``
    adds their meaning to what the classifier sees: letters alone hardly tell a new topic in the same style.

    Raises:
        ValueError: there are too few documents for five folds.
    """
    n = len(reference.texts)
    sides = Sides.of(
        n,
        len(window.texts),
        generator(seed, "drift.sides"),
        alpha=alpha,
        ordered=reference.ordered and window.ordered,
    )
    said = [
        _of_feature(before, after)
        for before, after in zip(features(reference.texts), features(window.texts), strict=True)
    ]
    texts, axes = [*reference.texts, *window.texts], derived_seed(seed, "drift.embedding")
    seen = [embedded(texts, axes), np.column_stack([column.tested for column in said])]
    if sentences is not None:
        seen.append(reduced(sentences(texts), axes))
    found = separation(np.hstack([_scaled(part) for part in seen]), sides, generator(seed, "drift.folds"))
    return InputDrift(
        auroc=found.auroc,
        p_value=found.p_value,
        permutations=sides.permutations,
        alpha=alpha,
        features=_explained(said, sides, n),
        slices=_explained(list(_slices(reference, window)), sides, n),
        words=_of_words(reference.texts, window.texts),
    )


def _of_words(reference: Sequence[str], window: Sequence[str]) -> tuple[Described, ...]:
    """Return how both know the words of the reference; nothing here is tested."""
    known = Vocabulary.of(reference)
    before = known_words(reference, known, of_reference=True)
    after = known_words(window, known, of_reference=False)
    return tuple(
        Described(name=a.name, unit=a.unit, reference=float(a.values.mean()), live=float(b.values.mean()))
        for a, b in zip(before, after, strict=True)
    )


def _of_feature(before: Feature, after: Feature) -> _Column:
    """Return a feature of all documents, tested by rank: one very long document must not hide the others."""
    values = np.r_[before.values, after.values]
    return _Column(before.name, before.unit, values, rankdata(values))


def _scaled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns around 0 whose variances sum to 1, so that texts and features weigh the same."""
    centred = columns - columns.mean(axis=0)
    total = float(np.sqrt(centred.var(axis=0).sum()))
    scaled: NDArray[np.float64] = centred / total if total > 0 else centred
    return scaled


def _slices(reference: Documents, window: Documents) -> Iterator[_Column]:
    """Yield the slices by their tags and by language, as 1 where a document is in them."""
    texts = [*reference.texts, *window.texts]
    named: list[set[str]] = [{f"language: {language}"} for language in languages(texts)]
    for place, slices in enumerate([*reference.slices, *window.slices]):
        named[place] |= {f"{name}: {value}" for name, value in slices.items()}
    n = len(reference.texts)
    before, after = (Counter(one for some in part for one in some) for part in (named[:n], named[n:]))
    for name in sorted(before.keys() | after.keys()):
        if max(before[name] / n, after[name] / (len(texts) - n)) >= SMALLEST_SLICE:
            within = np.array([name in some for some in named], dtype=np.float64)
            yield _Column(name, "ratio", within, within)


def _explained(columns: Sequence[_Column], sides: Sides, n: int) -> tuple[Shift, ...]:
    """Return the columns as shifts, the surest first."""
    if not columns:
        return ()
    tested = np.column_stack([column.tested for column in columns])
    adjusted = adjusted_for_discoveries(np.abs(sides.differences(tested)))
    found = [
        Shift(
            name=column.name,
            unit=column.unit,
            reference=float(column.values[:n].mean()),
            live=float(column.values[n:].mean()),
            p_value=float(p),
            moved=bool(p <= DISCOVERIES),
        )
        for column, p in zip(columns, adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda shift: (shift.p_value, -abs(shift.live - shift.reference))))
