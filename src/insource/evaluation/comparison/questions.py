"""The two questions of a comparison, each with its units and the one test that decides it.

On documents like these, the groups (layouts, suppliers) are as given and documents are the units. On groups
to come, the groups are the units. A difference can be certain for the first and open for the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from insource.evaluation.comparison.required import required_sample
from insource.evaluation.estimators import MIN_GROUPS, Units, shared_groups
from insource.evaluation.metrics import is_rate
from insource.stats import sign_flip as flips
from insource.stats.intervals import Floats, Interval, cluster_sums
from insource.stats.paired import PairedDifference, paired_binary, paired_mean
from insource.types import Estimate
from insource.types.comparison import Answered, GroupTest, OtherTest, Outcome, Question

BY_SIZE = "groups weigh by their number of documents"
SIGN_FLIP = "exact sign flip by group"
_ROUNDING = 1e-12


class Finding(NamedTuple):
    """The gain (in the good direction) as one question sees it."""

    question: Question
    units: int
    gain: PairedDifference
    other: PairedDifference | None = None
    note: str = ""


def on_documents(gains: Floats, groups: Sequence[str | None], metric: str, confidence: float) -> Finding:
    """Ask on documents like these: a paired test by document.

    With groups as given, the sum of wins over groups varies no more than that of as many documents with one
    common chance (Hoeffding 1956), so the test by document keeps its level whatever the groups are.
    """
    # A share of one field is 0 or 1, like a rate, and a t test of few such differences errs too often.
    whole = is_rate(metric) or bool(np.isin(gains, (-1.0, 0.0, 1.0)).all())
    gain = paired_binary(gains, confidence) if whole else paired_mean(gains, None, confidence)
    shared = shared_groups(groups)
    note = f"holds for documents of these {shared.size} groups" if shared else ""
    return Finding("documents", len(gains), gain, note=note)


def on_groups(
    gains: Floats, groups: Sequence[str | None], test: GroupTest, confidence: float
) -> Finding | None:
    """Ask on groups to come: a test over groups; None where no two documents share a group.

    The sign-flip test takes 6 to 16 groups. With more, the t test decides, as the finding's method says.
    """
    units = shared_groups(groups)
    if units is None or units.clusters is None:
        return None
    student = paired_mean(gains, units.clusters, confidence)
    flipped = _flipped(gains, units, student, confidence)
    if units.size < (flips.MIN_GROUPS if test == "sign flip" else MIN_GROUPS):
        reason = f"undefined: only {units.size} {'group' if units.size == 1 else 'groups'}"
        none = student._replace(interval=None, p_value=None, test=None, method=reason)
        return Finding("groups", units.size, none, note=units.note)
    if test == "sign flip" and flipped is not None:
        return Finding("groups", units.size, flipped, student, units.note)
    return Finding("groups", units.size, student, flipped, units.note)


def _flipped(
    gains: Floats, units: Units, student: PairedDifference, confidence: float
) -> PairedDifference | None:
    """Return the sign-flip test of the same difference; None where it does not exist or nothing varies."""
    if units.clusters is None or student.error is None:
        return None
    if not flips.MIN_GROUPS <= units.size <= flips.MAX_GROUPS:
        return None
    sums = cluster_sums(gains, units.clusters)
    sizes = cluster_sums(np.ones(len(gains)), units.clusters)
    if np.ptp(sums / sizes) < _ROUNDING:
        return None  # every sum of signs is the same, and an interval would have no width
    test = flips.sign_flip(sums, sizes)
    p_value = min(1.0, 2 * min(test.p_above(0.0), test.p_below(0.0)))
    return student._replace(interval=test.interval(confidence), p_value=p_value, method=SIGN_FLIP, test=test)


def decide(interval: Interval | None, margin: float) -> Outcome:
    """Return the outcome that an interval of the gain gives."""
    if interval is None:
        return "inconclusive"
    if interval.low > 0:
        return "better"
    if interval.low > -margin:
        return "not worse"
    return "worse" if interval.high < 0 else "inconclusive"


def answered(found: Finding, gains: Floats, sign: float, margin: float, alpha: float) -> Answered:
    """Return the finding as values, without its sentence. ``sign`` is the metric's good direction."""
    gain, outcome = found.gain, decide(found.gain.interval, margin)
    other = found.other
    return Answered(
        question=found.question,
        units=found.units,
        weighting=BY_SIZE if found.question == "groups" else "documents weigh equally",
        difference=signed_estimate(gain, sign, len(gains), 1 - alpha, found.note),
        p_value=gain.p_value,
        p_not_worse=None if gain.test is None else gain.test.p_above(-margin),
        test=gain.method,
        outcome=outcome,
        required=required_sample(found.question, found.units, gain, gains, margin, alpha)
        if outcome == "inconclusive"
        else None,
        other_test=OtherTest(test=other.method, p_value=other.p_value, outcome=decide(other.interval, margin))
        if other is not None and other.p_value is not None
        else None,
    )


def signed_estimate(gain: PairedDifference, sign: float, n: int, confidence: float, note: str) -> Estimate:
    """Return the difference in the metric's own sign."""
    low, high = (None, None) if gain.interval is None else sorted(sign * end for end in gain.interval)
    return Estimate(
        value=sign * gain.value + 0.0,  # no negative zero
        low=low,
        high=high,
        confidence=confidence,
        n=n,
        method=gain.method,
        note=note,
    )
