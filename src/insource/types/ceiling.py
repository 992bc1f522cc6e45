"""How right the labels themselves are, and so how right any arm can look against them."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate


class NoiseCeiling(Frozen):
    """The ceiling that noise in the labels puts on every arm, from a sample that two people labelled.

    ``agreed`` is the share on which the two came to the same. ``ceiling`` is how often a single label is
    right, which is what an arm that is always right would be measured at. ``adjudicated`` is the same after
    a third person has settled the differences. ``confirmed`` is the share of the labels as they stand that
    both left unchanged. ``fields`` has the ceiling of each field.
    """

    documents: int = 0
    agreed: Estimate = NOT_MEASURED
    ceiling: Estimate = NOT_MEASURED
    adjudicated: Estimate = NOT_MEASURED
    confirmed: Estimate = NOT_MEASURED
    fields: dict[str, Estimate] = {}
    sentence: str = ""
