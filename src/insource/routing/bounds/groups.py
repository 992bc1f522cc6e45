"""What is to be expected of groups that training never saw, and whether a guarantee is held for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from insource.routing.bounds.losses import Judged
from insource.stats.betting import mean_interval
from insource.stats.group_bounds import group_losses
from insource.stats.learn_then_test import minimum_calibration_n
from insource.types import NOT_MEASURED, Estimate, EvalRecord
from insource.types.routing import NewGroups

MOST_REFITS = 20
"""Groups are left out in at most so many parts: each is a fit of its own."""


def unseen(records: Iterable[EvalRecord]) -> list[EvalRecord]:
    """Return the records of groups that training never saw."""
    return [record for record in records if record.group is not None and record.group_seen is False]


def new_groups(
    parts: Sequence[tuple[str, Judged]],
    threshold: float | None,
    refit: Callable[[Judged], float | None],
    *,
    max_error: float,
    delta: float,
    held: bool,
) -> NewGroups:
    """Return what is to be expected of new groups, and whether anything is guaranteed for them.

    ``parts`` are the documents of groups that training never saw, by split. Those of ``calibration`` helped
    to set ``threshold``, so they are judged by that of ``refit`` without their group (in at most
    ``MOST_REFITS`` parts). ``held`` says that the policy's bound has groups as its unit and holds.
    """
    shares = [
        _left_out(known, refit) if split == "calibration" else _above(known, threshold)
        for split, known in parts
        if len(known.confidence)
    ]
    found = np.concatenate(shares) if shares else np.array([])
    needed = minimum_calibration_n(max_error, delta)
    more = max(0, needed - len(found))
    estimate = _over_groups(found)
    return NewGroups(
        guarantee="held" if held else "withheld",
        groups=len(found),
        loss=estimate,
        lowest=float(found.min()) if len(found) else None,
        highest=float(found.max()) if len(found) else None,
        more=0 if held else more,
        splits=tuple(split for split, known in parts if len(known.confidence)),
        reason=_reason(estimate, found, needed=needed, more=more, held=held, serves=threshold is not None),
    )


def _above(known: Judged, threshold: float | None) -> np.ndarray:
    """Return the share that is wrong in each group, among what a threshold serves."""
    if threshold is None:
        return np.array([])
    served = known.part(known.confidence >= threshold)
    return group_losses(served.wrong, served.counted, served.groups).share


def _left_out(known: Judged, refit: Callable[[Judged], float | None]) -> np.ndarray:
    codes = np.unique(known.groups)
    folds = np.array_split(codes, min(MOST_REFITS, len(codes)))
    shares = []
    for fold in folds:
        out = np.isin(known.groups, fold)
        shares.append(_above(known.part(out), refit(known.part(~out))))
    return np.concatenate(shares)


def _over_groups(shares: np.ndarray) -> Estimate:
    if not len(shares):
        return NOT_MEASURED
    low, high = mean_interval(shares)
    return Estimate(
        value=float(shares.mean()),
        low=low,
        high=high,
        n=len(shares),
        method=f"betting, by group ({len(shares)} groups)",
    )


def _reason(found: Estimate, shares: np.ndarray, *, needed: int, more: int, held: bool, serves: bool) -> str:
    if held:
        return "The bound was tested with groups as its unit: it holds for the mean over new groups."
    why = (
        f"Nothing is guaranteed for groups that training never saw: that takes {needed} of them without an "
        f"error, and {len(shares) or 'none'} can be judged here, so {more} more."
        if more
        else "Nothing is guaranteed for groups that training never saw: its unit are documents. "
        'Set `routing.unit` to "groups" and calibrate on fresh documents to test it for them.'
    )
    if not serves or found.value is None:
        return why
    return f"{why} {_expected(found, shares)}"


def _expected(found: Estimate, shares: np.ndarray) -> str:
    interval = f" (95% interval {found.low:.1%} to {found.high:.1%})"
    range_ = f"between {shares.min():.1%} and {shares.max():.1%}" if len(shares) > 1 else "one group only"
    return (
        f"To be expected there: {found.value:.1%} wrong of what is served, on average over {len(shares)} "
        f"groups{interval}; by group {range_}."
    )
