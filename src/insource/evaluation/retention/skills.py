"""Compare the base and the tuned model on the same questions: lost, held, or no way to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from insource.evaluation.estimators import Units, rate
from insource.evaluation.retention.probes import Probe
from insource.stats.multiplicity import Simultaneous, simultaneous
from insource.stats.paired import paired_binary
from insource.types import Estimate
from insource.types.retention import ProbeOutcome, ProbeResult

MARGIN = 0.05
ALPHA = 0.05

Answers = Mapping[str, Sequence[str]]
"""The answers of one model: by the name of the probe, in the order of its questions."""


def compare_skills(
    probes: Sequence[Probe], base: Answers, tuned: Answers, margin: float = MARGIN
) -> tuple[ProbeResult, ...]:
    """Return each probe's paired comparison; intervals hold together over those that can detect a loss.

    A probe detects a loss when the base is certainly better than guessing by more than ``margin``: a loss of
    the whole skill would else be within the margin. *lost*: the interval is below zero. *held*: it is above
    -``margin``.
    """
    right = {
        probe.name: tuple(
            np.array([float(q.right(a)) for q, a in zip(probe.questions, side[probe.name], strict=True)])
            for side in (base, tuned)
        )
        for probe in probes
    }
    rates = {
        name: tuple(rate(values, Units(None, len(values))) for values in both) for name, both in right.items()
    }
    able = [probe.name for probe in probes if _detects(rates[probe.name][0], probe.chance, margin)]
    paired = [paired_binary(right[name][1] - right[name][0]) for name in able]
    joint = dict(zip(able, simultaneous([one.test for one in paired], margin, ALPHA), strict=True))
    by_name = dict(zip(able, paired, strict=True))
    found = []
    for probe in probes:
        before, after = rates[probe.name]
        difference = Estimate(value=None, method="not measured", note="this probe cannot detect a loss")
        outcome: ProbeOutcome = "cannot detect"
        if probe.name in able:
            together = joint[probe.name]
            low, high = together.interval or (None, None)
            difference = Estimate(
                value=by_name[probe.name].value,
                low=low,
                high=high,
                n=before.n,
                method=f"{by_name[probe.name].method}; Holm over {len(able)} probes",
            )
            outcome = _outcome(together, margin)
        found.append(
            ProbeResult(probe=probe.name, base=before, tuned=after, difference=difference, outcome=outcome)
        )
    return tuple(found)


def _detects(base: Estimate, chance: float, margin: float) -> bool:
    return base.low is not None and base.low - chance > margin


def _outcome(together: Simultaneous, margin: float) -> ProbeOutcome:
    if together.worse:
        return "lost"
    held = together.interval is not None and together.interval.low > -margin
    return "held" if held else "undecided"
