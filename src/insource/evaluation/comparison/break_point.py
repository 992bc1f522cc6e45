"""The break point: from which difficulty the candidate falls below the baseline.

The documents are put into bins of equal size by difficulty. The paired difference by bin is made monotone
(falling with difficulty; pool adjacent violators), and the break point is where it crosses minus the margin,
interpolated between the centres of two bins. The interval is from the bootstrap by document or group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from insource.evaluation.comparison.difficulty import Difficulty
from insource.evaluation.comparison.pairs import Side, gain_sign, pair, require_by_document
from insource.evaluation.comparison.questions import on_documents, signed_estimate
from insource.evaluation.comparison.sentences import interval, percent, points
from insource.evaluation.estimators import shared_groups
from insource.foundation.rng import generator
from insource.stats.intervals import Floats
from insource.types import NOT_MEASURED, Estimate
from insource.types.comparison import BreakBin, BreakPoint, BreakStatus, Question

MIN_BIN = 30
MAX_BINS = 10
DRAWS = 1000
_DRAWS_AT_ONCE = 100


def break_point(
    candidate: Side,
    baseline: Side,
    difficulty: Difficulty,
    *,
    metric: str,
    margin: float,
    question: Question = "documents",
    seed: int = 0,
    alpha: float = 0.05,
) -> BreakPoint:
    """Find the difficulty from which the candidate is below the baseline by more than the margin.

    Statuses: *found*, with an interval whose ends are both inside the observed range; *none seen*, when the
    fitted difference never falls that low; *below throughout*, when it lies below from the easiest documents
    on; *cannot be located* otherwise, and with fewer than two bins of ``MIN_BIN`` documents. Documents are
    drawn again for the interval, or whole groups for the question on ``groups`` to come.

    Raises:
        ConfigError, DataError: as ``compare``.
    """
    require_by_document(metric, [*candidate[1], *baseline[1]])
    pairs = pair(candidate, baseline, metric)
    known = np.array([row in difficulty.values for row in pairs.row_ids])
    values = np.array([difficulty.values[row] for row in pairs.row_ids if row in difficulty.values])
    gains, sign = pairs.gains(metric)[known], gain_sign(metric)
    bins = _bins(values)
    groups = tuple(group for group, kept in zip(pairs.groups, known, strict=True) if kept)
    found = _Found("cannot be located", NOT_MEASURED, np.empty(0))
    if bins.max(initial=0) > 0:
        units = shared_groups(groups) if question == "groups" else None
        of = None if units is None else units.clusters
        found = _locate(values, gains, bins, of, margin, alpha, seed)
    at = found.at.value
    result = BreakPoint(
        candidate=candidate[0].name,
        baseline=baseline[0].name,
        metric=metric,
        margin=margin,
        difficulty=difficulty.name,
        unit=difficulty.unit,
        status=found.status,
        at=found.at,
        beyond=None if at is None else float((values >= at).mean()),
        points=tuple(_point(values, gains, bins == one, metric, sign, alpha) for one in np.unique(bins)),
        fitted=tuple(sign * float(one) + 0.0 for one in found.fitted),
    )
    return result.model_copy(update={"sentence": _sentence(result)})


class _Found(NamedTuple):
    status: BreakStatus
    at: Estimate
    fitted: Floats


def _bins(values: Floats) -> np.ndarray:
    """Return the bin of each document, numbered from the easiest; equal values share a bin."""
    if not len(values):
        return np.zeros(0, dtype=int)
    count = min(MAX_BINS, max(1, len(values) // MIN_BIN))
    edges = np.unique(np.quantile(values, np.arange(1, count) / count, method="inverted_cdf"))
    bins = np.searchsorted(edges, values, side="left")
    # Ties can leave a bin too small; it joins its easier neighbour, the first its harder one.
    sizes, merged, number, filled = np.bincount(bins), np.zeros(bins.max() + 1, dtype=int), 0, 0
    for one, size in enumerate(sizes):
        if filled >= MIN_BIN and sizes[one:].sum() >= MIN_BIN:
            number, filled = number + 1, 0
        merged[one], filled = number, filled + int(size)
    return merged[bins]


def _locate(
    values: Floats,
    gains: Floats,
    bins: np.ndarray,
    clusters: Sequence[str] | None,
    margin: float,
    alpha: float,
    seed: int,
) -> _Found:
    count = int(bins.max()) + 1
    sizes = np.bincount(bins, minlength=count)
    centres = np.bincount(bins, weights=values, minlength=count) / sizes
    means = np.bincount(bins, weights=gains, minlength=count) / sizes
    fitted = _falling(means, sizes)
    at = _crossing(centres, fitted, -margin)
    drawn = np.sort(_drawn(gains, bins, clusters, centres, margin, seed))
    tail = int(alpha / 2 * len(drawn))
    low, high = float(drawn[tail]), float(drawn[-tail - 1])
    if np.isfinite([low, at, high]).all():
        # Between two centres nothing is known, so the interval is never shorter than their distance.
        after = int(np.searchsorted(centres, at))
        low, high = min(low, float(centres[max(after - 1, 0)])), max(high, float(centres[after]))
        unit = "documents" if clusters is None else "groups"
        method = f"monotone difference over {count} bins, bootstrap of {unit} ({DRAWS:,} draws)"
        where = Estimate(value=at, low=low, high=high, confidence=1 - alpha, n=len(gains), method=method)
        return _Found("found", where, fitted)
    # A flat fit may hide that the difference rises with difficulty, so every bin has to say the same.
    if high == -np.inf and (means < -margin).all():
        return _Found("below throughout", NOT_MEASURED, fitted)
    return _Found("none seen" if at == np.inf else "cannot be located", NOT_MEASURED, fitted)


def _falling(means: Floats, sizes: np.ndarray) -> Floats:
    """Return the falling sequence closest to the means (isotonic regression, Barlow et al. 1972)."""
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(means, weights=sizes, increasing=False).x, dtype=float)


def _crossing(centres: Floats, fitted: Floats, level: float) -> float:
    """Return where a falling line crosses ``level``: -inf when it starts below, inf when it never does."""
    below = np.flatnonzero(fitted < level)
    if not below.size:
        return np.inf
    first = int(below[0])
    if first == 0:
        return -np.inf
    share = (fitted[first - 1] - level) / (fitted[first - 1] - fitted[first])
    return float(centres[first - 1] + share * (centres[first] - centres[first - 1]))


def _drawn(
    gains: Floats,
    bins: np.ndarray,
    clusters: Sequence[str] | None,
    centres: Floats,
    margin: float,
    seed: int,
) -> Floats:
    """Return the crossing in each bootstrap draw; units are drawn with Poisson weights of mean 1."""
    count, codes = len(centres), np.arange(len(gains))
    if clusters is not None:
        codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
    units = int(codes.max()) + 1
    sums, sizes = np.zeros((units, count), np.float32), np.zeros((units, count), np.float32)
    np.add.at(sums, (codes, bins), gains)
    np.add.at(sizes, (codes, bins), 1)
    random, found = generator(seed, "comparison.break_point"), np.empty(DRAWS)
    for start in range(0, DRAWS, _DRAWS_AT_ONCE):
        weights = random.poisson(1.0, (_DRAWS_AT_ONCE, units)).astype(np.float32)
        totals, of = weights @ sums, weights @ sizes
        for row in range(_DRAWS_AT_ONCE):
            kept = of[row] > 0  # with few groups a bin may be empty in a draw
            means = totals[row, kept] / of[row, kept]
            found[start + row] = (
                _crossing(centres[kept], _falling(means.astype(float), of[row, kept]), -margin)
                if kept.any()
                else np.inf
            )
    return found


def _point(
    values: Floats, gains: Floats, inside: np.ndarray, metric: str, sign: float, alpha: float
) -> BreakBin:
    part, n = values[inside], int(inside.sum())
    gain = on_documents(gains[inside], (None,) * n, metric, 1 - alpha).gain
    return BreakBin(
        low=float(part.min()),
        high=float(part.max()),
        centre=float(part.mean()),
        n=n,
        difference=signed_estimate(gain, sign, n, 1 - alpha, ""),
    )


def _sentence(result: BreakPoint) -> str:
    pair = f"{result.candidate} {{}} {result.baseline}"
    below = pair.format("falls below") + f" by more than {points(result.margin)}"
    hardest = result.points[-1] if result.points else None
    if result.status == "found" and result.at.low is not None and result.at.high is not None:
        span = f"{result.at.low:,.3g} to {result.at.high:,.3g}"
        return (
            f"From a {result.difficulty} of {result.at.value:,.3g} {result.unit} ({result.at.confidence:.0%} "
            f"interval {span}) {below}: on {percent(result.beyond)} of the documents."
        )
    if result.status == "below throughout":
        return f"At every {result.difficulty} {pair.format('is below')} by more than {points(result.margin)}."
    if hardest is None or len(result.points) < 2:
        return f"There are too few documents to say where by {result.difficulty} {below}."
    seen = (
        f"on the {hardest.n:,} documents with the largest {result.difficulty} the difference is "
        f"{points(hardest.difference.value)} {interval(hardest.difference)}"
    )
    if result.status == "none seen":
        return f"No break point by {result.difficulty} is seen: {seen}."
    return f"Where by {result.difficulty} {below} cannot be located: {seen}."
