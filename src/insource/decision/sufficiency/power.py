"""What the test set can show: the power for the margin now, and the sample for 80 %."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from insource.evaluation.comparison.pairs import Side, pair
from insource.evaluation.comparison.questions import Finding, on_documents, on_groups
from insource.evaluation.estimators import MIN_GROUPS, Units, rate
from insource.stats.intervals import Floats, wilson
from insource.stats.paired import ExactAndScore
from insource.stats.power import (
    paired_binary_n,
    paired_binary_power,
    rule_of_three_n,
    t_test_n,
    t_test_power,
    variance_df,
    variance_interval,
)
from insource.types import Estimate
from insource.types.comparison import Question, RequiredSample
from insource.types.sufficiency import PowerOfTest

ALPHA, POWER, SPREAD = 0.05, 0.8, 0.8
MOST = 100_000
"""Documents: nobody labels more for a test set."""
NO_PAIR = "no two arms are evaluated on the same test documents yet: insource evaluate"


def power_of_test(
    candidate: Side, baseline: Side, metric: str, margin: float, question: Question = "documents"
) -> PowerOfTest:
    """Return what the documents of both arms can show, by the variance of their paired differences.

    "Not worse" is what ``compare`` calls so: the two-sided 95 % interval lies above the margin.

    Raises:
        DataError: ``no-common-documents``, ``doubled-documents``.
    """
    pairs = pair(candidate, baseline, metric)
    gains = pairs.gains(metric)
    found: Finding | None = on_documents(gains, pairs.groups, metric, 1 - ALPHA)
    if question == "groups":
        found = on_groups(gains, pairs.groups, "cluster t", 1 - ALPHA)
    said = PowerOfTest(
        candidate=candidate[0].name,
        baseline=baseline[0].name,
        metric=metric,
        question=question,
        margin=margin,
        differing=rate((gains != 0).astype(float), Units(None, len(gains))),
    )
    if simulated := [arm.name for arm, _ in (candidate, baseline) if arm.simulated]:
        return _unknown(said, f"{' and '.join(simulated)} is simulated, and a simulation proves nothing")
    if found is None:
        return _unknown(said, "no two documents share a group, so nothing can be said of groups to come")
    return _known(said.model_copy(update={"units": found.units}), found, gains)


def _unknown(said: PowerOfTest, why: str) -> PowerOfTest:
    return said.model_copy(update={"unknown": why, "sentence": f"What the test set can show is open: {why}."})


def _known(said: PowerOfTest, found: Finding, gains: Floats) -> PowerOfTest:
    units, margin = found.units, said.margin
    fewest = MIN_GROUPS if said.question == "groups" else 2
    if margin <= 0:
        return _unknown(said, "the margin is zero, and no sample shows that two arms are exactly equal")
    if units < fewest:
        return _unknown(said, f"{units} {said.question} are too few")
    if found.gain.error is None:
        needed = rule_of_three_n(margin, 1 - ALPHA / 2) if 0 < margin < 1 else units
        required = RequiredSample(unit=said.question, low=needed, expected=needed, high=needed)
        shown = f"No document differed. It takes {required.words} without a difference to show the margin."
        return said.model_copy(update={"required": required, "sentence": shown})
    exact = isinstance(found.gain.test, ExactAndScore)
    figures = _of_rates(gains, found, margin) if exact else _of_means(gains, found, margin, said.question)
    if figures is None:
        return _unknown(said, f"more than {MOST:,} documents would be needed")
    known = said.model_copy(update=figures._asdict())
    return known.model_copy(update={"sentence": _sentence(known)})


class _Figures(NamedTuple):
    power_if_equal: Estimate
    power_as_observed: Estimate
    required: RequiredSample


def _of_rates(gains: Floats, found: Finding, margin: float) -> _Figures | None:
    """Return the figures of the exact test, at the observed share of differing documents and its ends."""
    n, differing, gain = found.units, int(np.count_nonzero(gains)), found.gain.value
    span = wilson(differing, n, SPREAD)
    shares = [min(max(share, 1e-6), 1 - 1e-6) for share in (differing / n, *span)]
    documents = [paired_binary_n(share, 0.0, margin, ALPHA, POWER, MOST) for share in shares]
    if documents[0] is None:
        return None
    low, high = (one if one is not None else MOST for one in documents[1:])
    method = "exact, over the documents that differ"
    equal = [paired_binary_power(share, 0.0, margin, n, ALPHA) for share in shares]
    observed = [
        paired_binary_power(share, max(-share, min(gain, share)), margin, n, ALPHA) for share in shares
    ]
    return _Figures(
        _spread(equal, n, method),
        _spread(observed, n, method),
        RequiredSample(
            unit="documents",
            low=min(low, documents[0]),
            expected=documents[0],
            high=max(documents[0], high),
        ),
    )


def _of_means(gains: Floats, found: Finding, margin: float, question: Question) -> _Figures:
    """Return the figures of the t test, at the variance of the units and the ends of its interval."""
    assert found.gain.error is not None, "the caller has left out what does not vary"
    units = found.units
    variance = found.gain.error.value**2 * units
    by_document = question == "documents"
    span = variance_interval(variance, variance_df(gains) if by_document else units - 1, SPREAD)
    fewest = 2 if by_document else MIN_GROUPS
    needed = [max(fewest, t_test_n(one, margin, ALPHA, POWER)) for one in (variance, *span)]
    distance, method = found.gain.value + margin, "noncentral t at the observed variance"
    equal = [t_test_power(one, margin, units, ALPHA) for one in (variance, *span)]
    observed = [t_test_power(one, distance, units, ALPHA) for one in (variance, *span)]
    return _Figures(
        _spread(equal, units, method),
        _spread(observed, units, method),
        RequiredSample(unit=question, low=min(needed), expected=needed[0], high=max(needed)),
    )


def _spread(powers: Sequence[float], units: int, method: str) -> Estimate:
    """Return the first power, with those at the ends of the interval of what it depends on."""
    return Estimate(
        value=powers[0],
        low=min(powers),
        high=max(powers),
        confidence=SPREAD,
        n=units,
        method=method,
        note="the interval is that of how far the arms differ",
    )


def _sentence(known: PowerOfTest) -> str:
    required, power = known.required, known.power_if_equal.value
    if required is None or power is None:
        return ""
    enough = known.units >= required.expected
    opening = "The test set is large enough" if enough else "The test set is too small"
    return (
        f"{opening}: if {known.candidate} and {known.baseline} are equally good, its {known.units:,} "
        f"{known.question} show it within the margin of {100 * known.margin:.1f} points with a probability "
        f"of {power:.0%}; {POWER:.0%} takes {required.words}."
    )
