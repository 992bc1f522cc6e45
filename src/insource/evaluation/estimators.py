"""Estimates over documents: rates, means and ratios with intervals.

The document is the unit of analysis. When several documents share a group (a layout, a supplier), the group
is the unit, because the estimate should also hold for new groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from insource.stats.intervals import (
    Floats,
    Interval,
    StandardError,
    clopper_pearson,
    cluster_standard_error,
    cluster_sums,
    effective_n,
    quantile_interval,
    ratio_influence,
    rule_of_three,
    t_interval,
    wilson,
)
from insource.types import NOT_MEASURED, Estimate

MIN_GROUPS = 5
"""With fewer groups, an estimate for new groups is impossible, and documents are the units."""


class Units(NamedTuple):
    """What was sampled independently: documents (``clusters`` None) or groups of documents."""

    clusters: tuple[str, ...] | None
    size: int
    note: str = ""

    @property
    def by(self) -> str:
        return "by document" if self.clusters is None else f"by group ({self.size} groups)"

    def select(self, keep: Sequence[bool]) -> Units:
        """Return the units of a subset of the documents."""
        if self.clusters is None:
            return self._replace(size=sum(keep))
        kept = tuple(cluster for cluster, wanted in zip(self.clusters, keep, strict=True) if wanted)
        return self._replace(clusters=kept, size=len(set(kept)))


def sampling_units(groups: Sequence[str | None]) -> Units:
    """Choose groups as units if some have several documents and there are at least ``MIN_GROUPS``, else
    documents.

    With too few groups, the note says that the interval holds for these groups only.
    """
    shared = shared_groups(groups)
    if shared is None:
        return Units(None, len(groups))
    if shared.size < MIN_GROUPS:
        plural = "group" if shared.size == 1 else "groups"
        return Units(
            None, len(groups), f"only {shared.size} {plural}: the interval does not speak for other groups"
        )
    return shared


def shared_groups(groups: Sequence[str | None]) -> Units | None:
    """Return the groups as units, however few; None where no two documents share one.

    A document without a group forms its own group, and a note says how many do.
    """
    named = tuple(f"document {i}" if group is None else f"group {group}" for i, group in enumerate(groups))
    size = len(set(named))
    if size == len(named):
        return None
    alone = sum(group is None for group in groups)
    return Units(named, size, f"{alone} documents without a group count as one each" if alone else "")


def rate(events: ArrayLike, units: Units) -> Estimate:
    """Estimate the share of documents with an event, from 0 or 1 per document.

    By document, the interval is Wilson's. By group, it is Wilson's at the effective sample size with the t
    quantile of the groups (Dean and Pagano 2015). With no event or only events, it is the rule of three over
    the units.
    """
    values = np.asarray(events, dtype=float)
    n = len(values)
    if n == 0:
        return NOT_MEASURED
    value = float(values.mean())
    # Nothing varies at 0 or 1: there is no standard error and no effective n.
    if value in (0.0, 1.0):
        return _at_the_edge(value, n, units)
    if units.clusters is None:
        interval, method = wilson(float(values.sum()), n), "Wilson by document"
    else:
        error = cluster_standard_error(values - value, units.clusters)
        # No error: the groups do not vary, so nothing says that they are worth fewer than n documents.
        size = float(n) if error is None else effective_n(value, n, error)
        interval = wilson(value * size, size, df=units.size - 1)
        method = f"Wilson, effective n {size:.0f} {units.by}"
    return _estimate(value, interval, n, method, units.note)


def mean(values: ArrayLike, units: Units, *, share: bool = True) -> Estimate:
    """Estimate the mean over documents, with t by document or cluster-robust t by group.

    For a ``share`` in [0, 1], the lower end is extended to the exact bound of the share of imperfect units
    times their mean loss, because t alone covers 88 % instead of 95 % when few documents are imperfect. When
    all are perfect, the rule of three applies.
    """
    array = np.asarray(values, dtype=float)
    n = len(array)
    if n == 0:
        return NOT_MEASURED
    value = float(array.mean())
    interval = t_interval(value, cluster_standard_error(array - value, units.clusters))
    if interval is None and share and value in (0.0, 1.0):
        return _at_the_edge(value, n, units)
    if interval is None:
        return _estimate(value, None, n, f"t {units.by}", units.note or "no variation: no interval")
    if share:
        interval = Interval(min(interval.low, 1.0 - _largest_loss(1.0 - array, units)), interval.high)
        interval = interval.clipped(0.0, 1.0)
    return _estimate(value, interval, n, f"t {units.by}", units.note)


def ratio(numerator: ArrayLike, denominator: ArrayLike, units: Units) -> Estimate:
    """Estimate sum(numerator) / sum(denominator) over documents, in [0, 1], with a linearised t interval."""
    return mean_of_ratios([(numerator, denominator)], units)


def mean_of_ratios(ratios: Sequence[tuple[ArrayLike, ArrayLike]], units: Units) -> Estimate:
    """Estimate the mean of several such ratios (one per field or class), linearised together.

    A ratio with a zero denominator is left out; ``n`` counts documents with any denominator.
    """
    pairs = [(np.asarray(a, dtype=float), np.asarray(b, dtype=float)) for a, b in ratios]
    pairs = [(a, b) for a, b in pairs if b.sum() > 0]
    if not pairs:
        return Estimate(value=None, method="ratio", note="all denominators are zero")
    # A document without any denominator says nothing about the ratio. It must not count as a unit, where it
    # would make the sample look larger than it is.
    keep = np.logical_or.reduce([b > 0 for _, b in pairs])
    pairs, units = [(a[keep], b[keep]) for a, b in pairs], units.select([bool(k) for k in keep])
    # One yes or no a document is a plain rate, for which Wilson is better than the linearised t.
    if len(pairs) == 1 and bool((pairs[0][1] == 1).all()):
        return rate(pairs[0][0], units)
    n = int(keep.sum())
    value = float(np.mean([a.sum() / b.sum() for a, b in pairs]))
    error = _error(pairs, units)
    if error is None and value in (0.0, 1.0):
        return _at_the_edge(value, n, units)
    interval = t_interval(value, error)
    note = units.note or ("" if interval else "no variation: no interval")
    interval = interval.clipped(0.0, 1.0) if interval else None
    return _estimate(value, interval, n, f"linearised t {units.by}", note)


def quantile(values: ArrayLike, probability: float, method: str) -> Estimate:
    """Estimate a quantile, with the distribution-free interval between two order statistics."""
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        return NOT_MEASURED
    # inverted_cdf gives an observed value, an order statistic like the ends of the interval.
    value = float(np.quantile(array, probability, method="inverted_cdf"))
    interval = quantile_interval(array, probability)
    note = "" if interval else "too few documents for an interval"
    return _estimate(value, interval, array.size, method, note)


def _error(pairs: Sequence[tuple[Floats, Floats]], units: Units) -> StandardError | None:
    # Linearisation is linear: the influence of a mean of ratios is the mean of their influences.
    influences = [influence for a, b in pairs if (influence := ratio_influence(a, b)) is not None]
    return cluster_standard_error(np.mean(influences, axis=0), units.clusters)


def _largest_loss(losses: Floats, units: Units) -> float:
    """Return the exact upper bound of the share of imperfect units, times their mean loss."""
    if units.clusters is None:
        by_unit = losses
    else:
        # Scaled so that the mean over groups is the mean over documents, whatever the sizes of the groups.
        by_unit = cluster_sums(losses, units.clusters) * units.size / len(losses)
    imperfect = by_unit > 0
    bound = clopper_pearson(int(imperfect.sum()), len(by_unit)).high
    return bound * float(by_unit[imperfect].mean()) if imperfect.any() else 0.0


def _at_the_edge(value: float, n: int, units: Units) -> Estimate:
    """Return the estimate when all values are 0 or all are 1, with the one-sided rule-of-three bound of the
    units."""
    bound = rule_of_three(units.size)
    interval = Interval(0.0, bound) if value == 0.0 else Interval(1.0 - bound, 1.0)
    return _estimate(value, interval, n, f"rule of three, one-sided, {units.by}", units.note)


def _estimate(value: float, interval: Interval | None, n: int, method: str, note: str) -> Estimate:
    low, high = interval if interval else (None, None)
    return Estimate(value=value, low=low, high=high, n=n, method=method, note=note)
