"""Whether the model is better on what it was trained on: the gap, and quality by similarity to training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.metrics import document_value, estimate
from insource.stats.intervals import Interval, mover_difference
from insource.types import NOT_MEASURED, Estimate, EvalRecord, TrainingSummary
from insource.types.retention import SimilarityBand

CERTAIN_GAP = 0.03
LOSS_RISE = 0.01
QUARTERS = 4
MIN_DOCUMENTS = 20


def quality(records: Sequence[EvalRecord], metric: str) -> Estimate:
    """Return a metric over the documents that have it."""
    valued = [(r.group, value) for r in records if (value := document_value(r, metric)) is not None]
    if not valued:
        return NOT_MEASURED
    return estimate([value for _, value in valued], [group for group, _ in valued], metric)


def better_by(first: Estimate, second: Estimate, metric: str) -> Estimate:
    """Return by how much the first is better than the second, of independent documents."""
    if first.value is None or second.value is None:
        return NOT_MEASURED
    sign = gain_sign(metric)
    ends = [
        None if one.low is None or one.high is None else Interval(one.low, one.high)
        for one in (first, second)
    ]
    difference = first.value - second.value
    low = high = None
    if ends[0] is not None and ends[1] is not None:
        low, high = sorted(
            sign * end for end in mover_difference(first.value, ends[0], second.value, ends[1])
        )
    return Estimate(
        value=sign * difference,
        low=low,
        high=high,
        n=min(first.n, second.n),
        method=f"MOVER of two samples: {first.method}, {second.method}",
    )


def loss_rose(training: TrainingSummary) -> bool:
    """Return whether the validation loss ended certainly above its minimum: more than ``LOSS_RISE``."""
    losses = [point.validation_loss for point in training.curve if point.validation_loss is not None]
    return len(losses) > 1 and losses[-1] > min(losses) * (1 + LOSS_RISE)


def memorised(gap: Estimate, *, rose: bool) -> bool:
    """Return whether the model memorised: the gap is certainly above three points, and the loss rose."""
    return rose and gap.low is not None and gap.low > CERTAIN_GAP


def by_similarity(
    records: Sequence[EvalRecord], similarity: Mapping[str, float], metric: str
) -> tuple[SimilarityBand, ...]:
    """Return the quality in quarters of the documents, from the farthest from training to the nearest.

    Equal similarities stay together, so there may be fewer bands. Empty with fewer than ``MIN_DOCUMENTS``.
    """
    known = [record for record in records if record.row_id in similarity]
    if len(known) < MIN_DOCUMENTS:
        return ()
    values = np.array([similarity[record.row_id] for record in known])
    ends = np.unique(np.quantile(values, np.arange(1, QUARTERS) / QUARTERS, method="inverted_cdf"))
    places = np.searchsorted(ends, values)
    found = []
    for place in np.unique(places):
        inside = places == place
        chosen = [record for record, kept in zip(known, inside, strict=True) if kept]
        found.append(
            SimilarityBand(
                low=float(values[inside].min()),
                high=float(values[inside].max()),
                quality=quality(chosen, metric),
            )
        )
    return tuple(found)


def nearest_minus_farthest(bands: Sequence[SimilarityBand], metric: str) -> Estimate:
    """Return by how much the nearest band is better than the farthest."""
    return better_by(bands[-1].quality, bands[0].quality, metric) if len(bands) > 1 else NOT_MEASURED
