"""What the retrainings so far took, in the place of what is assumed about the next ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from insource.decision.economics.assumptions import Assumptions
from insource.decision.economics.quantities import measured
from insource.stats.intervals import mean_t, poisson
from insource.types import NOT_MEASURED, Estimate
from insource.types.retraining import Cycle

YEAR_S = 365.25 * 86_400
FEWEST_DAYS = 30
"""A shorter history says nothing about a year."""
SOURCE = "the retrainings so far"


def with_cycles(given: Assumptions, cycles: Sequence[Cycle], yours: Collection[str]) -> Assumptions:
    """Return the assumptions with what finished cycles measured; a key in ``yours`` was set by a person.

    A cycle that found nothing new trained nothing and says nothing about the cost of one that does.
    """
    ended = [one for one in cycles if one.step == "done" and one.outcome != "nothing new"]
    if not ended:
        return given
    found = {
        "retraining_labels": measured(
            "retraining_labels",
            _mean([float(one.cost.labels) for one in ended]),
            unit=given.retraining_labels.unit,
            source=SOURCE,
        ),
        "retrainings_per_year": measured(
            "retrainings_per_year",
            per_year([datetime.fromisoformat(one.started_at) for one in ended]),
            unit=given.retrainings_per_year.unit,
            source=SOURCE,
        ),
    }
    usd = _mean([one.cost.machine_usd + one.cost.cloud_usd for one in ended])
    each = measured("retraining_usd", usd, unit="USD a cycle", source=SOURCE)
    kept = {name: None if name in yours else one for name, one in found.items()}
    return given.measured(**kept).model_copy(update={"retraining_usd": each})


def per_year(starts: Sequence[datetime]) -> Estimate:
    """Return the rate of cycles from the gaps between their starts, with the exact Poisson interval."""
    gaps = len(starts) - 1
    span_s = (max(starts) - min(starts)).total_seconds()
    if gaps < 1 or span_s < FEWEST_DAYS * 86_400:
        return NOT_MEASURED.model_copy(update={"note": f"cycles span less than {FEWEST_DAYS} days"})
    between = poisson(gaps)
    factor = YEAR_S / span_s
    return Estimate(
        value=gaps * factor, low=between.low * factor, high=between.high * factor, n=gaps, method="Poisson"
    )


def _mean(values: Sequence[float]) -> Estimate:
    """Return the mean of the cycles, with Student's interval from two on."""
    between = mean_t(values) if len(values) > 1 else None
    return Estimate(
        value=sum(values) / len(values),
        low=max(0.0, between.low) if between else None,
        high=between.high if between else None,
        n=len(values),
        method="mean of the cycles, t interval" if between else "one cycle",
    )
