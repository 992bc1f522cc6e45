"""The sample that would decide, in the unit that counts."""

from __future__ import annotations

import math

from insource.evaluation.estimators import MIN_GROUPS
from insource.stats.intervals import Floats
from insource.stats.paired import PairedDifference
from insource.stats.power import rule_of_three_n, t_test_n, variance_df, variance_interval
from insource.types.comparison import Question, RequiredSample


def required_sample(
    unit: Question, units: int, gain: PairedDifference, gains: Floats, margin: float, alpha: float
) -> RequiredSample | None:
    """Return the units needed for the nearest outcome, if the observed gain is the true one.

    At a gain g the interval can clear -margin (distance g + margin) or zero from below (distance -g). The
    larger distance needs fewer units. The range is that of the units' variance. The result is None when
    neither can be reached, and where every unit differed by the same amount other than zero.
    """
    if gain.error is None:
        if gain.value != 0 or not 0 < margin < 1 or units < 2:
            return None
        needed = rule_of_three_n(margin, 1 - alpha / 2)
        return RequiredSample(unit=unit, low=needed, expected=needed, high=needed)
    distance = max(gain.value + margin, -gain.value)
    if distance <= 0:
        return None
    variance = gain.error.value**2 * units
    span = variance_interval(variance, variance_df(gains) if unit == "documents" else units - 1)
    # With fewer documents, even the same gain on each has a two-sided p of 2 / 2^n, which is not below alpha.
    fewest = math.floor(1 - math.log2(alpha)) + 1 if unit == "documents" else MIN_GROUPS
    low, expected, high = (
        max(units + 1, fewest, t_test_n(one, distance, alpha)) for one in (span.low, variance, span.high)
    )
    return RequiredSample(unit=unit, low=low, expected=max(low, expected), high=max(expected, high))
