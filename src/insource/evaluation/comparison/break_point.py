"""The break point: from which difficulty the candidate falls below the baseline.

The documents are put into bins of equal size by difficulty. The paired difference by bin is made monotone
(falling with difficulty; pool adjacent violators), and the break point is where it crosses minus the margin,
interpolated between the centres of two bins. The interval is from the bootstrap by document or group: each
draw says which bin is the first below, and the crossing then lies after the centre of the bin before it and
before the end of that bin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.evaluation.comparison.difficulty import Difficulty
from insource.evaluation.comparison.pairs import Side, gain_sign, pair, require_by_document
from insource.evaluation.comparison.questions import on_documents, signed_estimate
from insource.evaluation.comparison.sentences import interval, percent, points
from insource.evaluation.estimators import shared_groups
from insource.foundation.rng import generator
from insource.stats.intervals import Floats
from insource.types import NOT_MEASURED, Estimate
from insource.types.comparison import BreakBin, BreakPoint, BreakStatus, Question

Bins = NDArray[np.int64]
"""The bin of each document, from the easiest."""

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
    bins = bins_of(values)
    groups = tuple(group for group, kept in zip(pairs.groups, known, strict=True) if kept)
    found = Located("cannot be located", NOT_MEASURED, np.empty(0))
    if bins.max(initial=0) > 0:
        units = shared_groups(groups) if question == "groups" else None
        of = None if units is None else units.clusters
        found = locate(values, gains, bins, of, margin, alpha, seed)
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


class Located(NamedTuple):
    """Where the break point is, and the monotone difference by bin."""

    status: BreakStatus
    at: Estimate
    fitted: Floats


def bins_of(values: Floats) -> Bins:
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


def locate(
    values: Floats,
    gains: Floats,
    bins: Bins,
    clusters: Sequence[str] | None,
    margin: float,
    alpha: float,
    seed: int,
) -> Located:
    """Find the first bin below minus the margin, from one difficulty, gain and bin a document."""
    count = int(bins.max()) + 1
    sizes = np.bincount(bins, minlength=count)
    centres = np.bincount(bins, weights=values, minlength=count) / sizes
    means = np.bincount(bins, weights=gains, minlength=count) / sizes
    fitted = _falling(means, sizes)
    first = _first_below(fitted, -margin)
    drawn = np.sort(_drawn(gains, bins, clusters, count, margin, seed))
    tail = int(alpha / 2 * len(drawn))
    earliest, latest = min(first, int(drawn[tail])), max(first, int(drawn[-tail - 1]))
    if earliest > 0 and latest < count:
        before, after = fitted[first - 1], fitted[first]
        share = (before + margin) / (before - after)
        where = Estimate(
            value=float(centres[first - 1] + share * (centres[first] - centres[first - 1])),
            low=float(centres[earliest - 1]),
            high=float(values[bins == latest].max()),
            confidence=1 - alpha,
            n=len(gains),
            method=f"monotone difference over {count} bins, bootstrap of "
            f"{'documents' if clusters is None else 'groups'} ({DRAWS:,} draws)",
        )
        return Located("found", where, fitted)
    # A flat fit may hide that the difference rises with difficulty, so every bin has to say the same.
    if latest == 0 and (means < -margin).all():
        return Located("below throughout", NOT_MEASURED, fitted)
    return Located("none seen" if first == count else "cannot be located", NOT_MEASURED, fitted)


def _falling(means: Floats, sizes: Floats | Bins) -> Floats:
    """Return the falling sequence closest to the means (isotonic regression, Barlow et al. 1972)."""
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(means, weights=sizes, increasing=False).x, dtype=float)


def _first_below(fitted: Floats, level: float) -> int:
    """Return the first bin below ``level``, or the number of bins when there is none."""
    below = np.flatnonzero(fitted < level)
    return int(below[0]) if below.size else len(fitted)


def _drawn(
    gains: Floats, bins: Bins, clusters: Sequence[str] | None, count: int, margin: float, seed: int
) -> Bins:
    """Return the first bin below in each bootstrap draw; units are drawn with Poisson weights of mean 1."""
    if clusters is None:
        # Equal documents have one weight together: the sum of c draws of mean 1 is a draw of mean c.
        cells, counts = np.unique(np.column_stack([bins, gains]), axis=0, return_counts=True)
        sizes = (cells[:, :1] == np.arange(count)).astype(float)
        sums = sizes * cells[:, 1:]
    else:
        units = np.unique(np.asarray(clusters), return_inverse=True)[1]
        counts = np.ones(int(units.max()) + 1, dtype=int)
        sums, sizes = np.zeros((2, len(counts), count))
        np.add.at(sums, (units, bins), gains)
        np.add.at(sizes, (units, bins), 1)
    random, found = generator(seed, "comparison.break_point"), []
    for _ in range(DRAWS // _DRAWS_AT_ONCE):
        weights = random.poisson(counts, (_DRAWS_AT_ONCE, len(counts))).astype(float)
        for total, of in zip(weights @ sums, weights @ sizes, strict=True):
            kept = np.flatnonzero(of)  # with few groups a bin may be empty in a draw
            first = _first_below(_falling(total[kept] / of[kept], of[kept]), -margin) if kept.size else 0
            found.append(int(kept[first]) if first < len(kept) else count)
    return np.array(found)


def _point(
    values: Floats, gains: Floats, inside: NDArray[np.bool_], metric: str, sign: float, alpha: float
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
