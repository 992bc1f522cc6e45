"""Whether the documents are still those that a model was measured on; which features and slices moved.

One test decides, the classifier two-sample test on the texts and their features together. The features and
slices by themselves only explain: asking each of them for an alert would find something every week.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.foundation.rng import derived_seed, generator
from insource.lifecycle.drift.classifier import separation
from insource.lifecycle.drift.embedding import embedded
from insource.lifecycle.drift.features import Feature, Vocabulary, features, languages
from insource.lifecycle.drift.two_samples import numbers_differ, shares_differ
from insource.stats.multiplicity import benjamini_hochberg
from insource.types.monitoring import InputDrift, Shift, Unit

SMALLEST_SLICE = 0.02
"""A slice with a smaller share of both samples is not shown."""

PERMUTATIONS_PER_ALPHA = 5
"""Permutations beyond the fewest that can reach ``alpha``: the p-value of a clear drift is well below it."""


class Documents(NamedTuple):
    """Texts, and the slices of each: ``{"feature": "invoices"}``. Either may be empty."""

    texts: Sequence[str]
    slices: Sequence[Mapping[str, str]]


def input_drift(reference: Documents, window: Documents, *, alpha: float, seed: int) -> InputDrift:
    """Return whether documents of the window can be told from those of the reference, and by what.

    Under "both come from one source, in any order" the chance of ``moved`` is ``alpha`` at most. Documents
    that come in bursts of one kind are not in any order: ``docs/guides/drift.md`` has what that does.

    Raises:
        ValueError: a sample has fewer than five documents.
    """
    known = Vocabulary.of(reference.texts)
    before = features(reference.texts, known, of_reference=True)
    after = features(window.texts, known, of_reference=False)
    points = embedded([*reference.texts, *window.texts], derived_seed(seed, "drift.embedding"))
    beside = np.column_stack([_ranked(a, b) for a, b in zip(before, after, strict=True)])
    rows = np.hstack([_scaled(points), _scaled(beside)])
    found = separation(
        rows[: len(reference.texts)],
        rows[len(reference.texts) :],
        generator(seed, "drift.permutations"),
        permutations=round(PERMUTATIONS_PER_ALPHA / alpha) - 1,
    )
    return InputDrift(
        auroc=found.auroc,
        p_value=found.p_value,
        permutations=found.permutations,
        alpha=alpha,
        features=_features(before, after, alpha),
        slices=_slices(reference, window, alpha),
    )


def _ranked(before: Feature, after: Feature) -> NDArray[np.float64]:
    """Return a feature of all documents by its rank: one very long document must not hide the others."""
    from scipy.stats import rankdata

    ranks: NDArray[np.float64] = rankdata(np.r_[before.values, after.values])
    return ranks


def _scaled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns around 0 whose variances sum to 1, so that texts and features weigh the same."""
    centred = columns - columns.mean(axis=0)
    total = float(np.sqrt(centred.var(axis=0).sum()))
    scaled: NDArray[np.float64] = centred / total if total > 0 else centred
    return scaled


def _features(before: Sequence[Feature], after: Sequence[Feature], alpha: float) -> tuple[Shift, ...]:
    figures = [
        (a.name, a.unit, float(a.values.mean()), float(b.values.mean())) for a, b in _pairs(before, after)
    ]
    return _explained(figures, [numbers_differ(a.values, b.values) for a, b in _pairs(before, after)], alpha)


def _pairs(before: Sequence[Feature], after: Sequence[Feature]) -> list[tuple[Feature, Feature]]:
    return list(zip(before, after, strict=True))


def _slices(reference: Documents, window: Documents, alpha: float) -> tuple[Shift, ...]:
    """Return the slices by their tags and by language, as shares of the documents."""
    before, after = _counted(reference), _counted(window)
    n, m = len(reference.texts), len(window.texts)
    figures: list[tuple[str, Unit, float, float]] = []
    p_values = []
    for name in sorted(before.keys() | after.keys()):
        if max(before[name] / n, after[name] / m) >= SMALLEST_SLICE:
            figures.append((name, "ratio", before[name] / n, after[name] / m))
            p_values.append(shares_differ(before[name], n, after[name], m))
    return _explained(figures, p_values, alpha)


def _counted(documents: Documents) -> Counter[str]:
    found = Counter(f"language: {language}" for language in languages(documents.texts))
    for slices in documents.slices:
        found.update(f"{name}: {value}" for name, value in slices.items())
    return found


def _explained(
    figures: Sequence[tuple[str, Unit, float, float]], p_values: Sequence[float], alpha: float
) -> tuple[Shift, ...]:
    """Return the figures as shifts, the surest first."""
    adjusted = benjamini_hochberg(p_values)
    found = [
        Shift(name=name, unit=unit, reference=a, live=b, p_value=float(p), moved=bool(p <= alpha))
        for (name, unit, a, b), p in zip(figures, adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda shift: (shift.p_value, shift.name)))
